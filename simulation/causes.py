"""Which of a talk's inputs changed, and in which field: what `verify` says about the reason of a divergence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from culturepark.runtime.record import Record
from culturepark.runtime.request import Sampling
from culturepark.simulation.transcript import Transcript

CauseKind = Literal[
    "persona", "culture", "stance", "question", "protocol", "seed", "templates", "language", "model", "sampling", "code"
]
SEAT_FIELDS: Mapping[str, CauseKind] = {
    "persona": "persona",
    "culture": "culture",
    "role": "persona",
    "stance": "stance",
    "language": "language",
}
LONGEST = 160


class Cause(Record):
    """One input that is not what it was."""

    kind: CauseKind
    field: str
    """Where it lies, e.g. `seats[1].persona.background`."""
    was: str
    now: str


def changed(recorded: Transcript, today: Transcript, *, sampled: Sampling | None, sampling: Sampling) -> list[Cause]:
    """Compare a talk's inputs with today's, hash by hash, and name the fields behind those that differ.

    `sampled` is how the recorded replies were sampled, None where none of them is in the ledger.
    """
    names = [name for name, value in recorded.inputs.items() if today.inputs[name] != value]
    causes: list[Cause] = []
    for name in sorted(names):
        found = list(_fields(name, recorded, today, sampled, sampling))
        kind: CauseKind = "persona" if name == "seats" else name  # type: ignore[assignment]  # names of inputs
        causes += found or [Cause(kind=kind, field=name, was=recorded.inputs[name], now=today.inputs[name])]
    return causes


def by_likelihood(causes: Sequence[Cause], kinds: Sequence[CauseKind]) -> tuple[Cause, ...]:
    """Put causes of the kinds that the evidence speaks for first, in the order of `kinds`."""
    rank = {kind: place for place, kind in enumerate(kinds)}
    return tuple(sorted(causes, key=lambda cause: rank.get(cause.kind, len(rank))))


def differences(was: Any, now: Any, *, at: str) -> Iterator[tuple[str, str, str]]:
    """Walk two plain documents and yield where they differ: path, old value, new value."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted({*was, *now}, key=str):
            yield from differences(was.get(key), now.get(key), at=f"{at}.{key}" if at else str(key))
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for place, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from differences(one, other, at=f"{at}[{place}]")
    elif was != now:
        yield at, _short(was), _short(now)


def _fields(
    name: str, recorded: Transcript, today: Transcript, sampled: Sampling | None, sampling: Sampling
) -> Iterator[Cause]:
    if name == "seats":
        for place, (one, other) in enumerate(zip(recorded.seats, today.seats, strict=True)):
            for part, kind in SEAT_FIELDS.items():
                pair = (getattr(one, part), getattr(other, part))
                yield from _causes(kind, *pair, at=f"seats[{place}].{part}")
    elif name == "question":
        yield from _causes("question", recorded.question, today.question, at="question")
    elif name == "protocol":
        yield from _causes("protocol", recorded.protocol, today.protocol, at="protocol")
    elif name == "sampling" and sampled is not None:
        yield from _causes("sampling", sampled, sampling, at="sampling")


def _causes(kind: CauseKind, was: Any, now: Any, *, at: str) -> Iterator[Cause]:
    for path, old, new in differences(_plain(was), _plain(now), at=at):
        yield Cause(kind=kind, field=path, was=old, now=new)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, Record) else value


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
