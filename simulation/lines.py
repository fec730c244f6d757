"""One line a talk, for lists: narrow rows beside the talks, so that a list of 100,000 reads no transcript."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import sqlalchemy as sa

from culturepark.runtime.store import Store
from culturepark.simulation.selection import Facts, Selection
from culturepark.simulation.talk_rows import TalkLineRow, TalkRow

if TYPE_CHECKING:
    from culturepark.simulation.transcript import Transcript


class TalkLine(NamedTuple):
    """What a list says of a talk; first what stands under `COLUMNS`."""

    talk: str
    cultures: str
    """The delegates' cultures, joined by `+`."""
    question: str | None
    topic: str | None
    protocol: str
    language: str
    turns: int
    flagged: int
    status: str
    parent: str | None
    """Where a fork left another talk, as JSON."""
    model: str
    stance_distance: float | None
    reason: str | None
    """Why a failed talk failed."""

    @property
    def facts(self) -> Facts:
        """What a selection looks at."""
        return Facts(frozenset(self.cultures.split("+")), self.question or "", self.protocol, self.status)

    @property
    def cells(self) -> tuple[object, ...]:
        """The line under `COLUMNS`."""
        if self.parent is None:
            return self[: len(COLUMNS)]
        parent = json.loads(self.parent)
        return *self[: len(COLUMNS) - 1], f"{parent['id']} at {parent['turn']}"

    @property
    def document(self) -> dict[str, object]:
        """The line for programs."""
        return {
            "id": self.talk,
            "question": self.question,
            "cultures": self.cultures.split("+"),
            "protocol": self.protocol,
            "language": self.language,
            "model": self.model,
            "turns": self.turns,
            "flagged": self.flagged,
            "stance_distance": self.stance_distance,
            "status": self.status,
            "reason": self.reason,
            "parent": None if self.parent is None else json.loads(self.parent),
        }


AT_ONCE = 5_000
"""Lines in memory together."""
COLUMNS = ("talk", "culture", "question", "topic", "protocol", "language", "turns", "flagged", "status", "fork of")


def line_of(talk: "Transcript") -> TalkLine:
    """The line of a talk."""
    return TalkLine(
        talk=talk.id,
        cultures="+".join(seat.culture.id for seat in talk.seats if seat.role == "delegate"),
        question=talk.question.id if talk.question else None,
        topic=talk.question.topic if talk.question else None,
        protocol=talk.protocol.name,
        language=talk.language,
        model=talk.model,
        turns=len(talk.turns),
        flagged=sum(bool(turn.flags) for turn in talk.turns),
        stance_distance=talk.stance_distance,
        status=talk.status,
        reason=talk.reason,
        parent=talk.parent.model_dump_json() if talk.parent else None,
    )


def line_row(run_id: str, talk: "Transcript", position: int) -> dict[str, Any]:
    """The line of a talk as it is stored."""
    return {"run_id": run_id, "position": position, **line_of(talk)._asdict()}


def list_talks(store: Store, selection: Selection) -> Iterator[TalkLine]:
    """One line for each talk that fits, in the order of the plan; a fork stands after its parent.

    Lines are read as they are taken, some at once, so the store stays open until then; nothing is held between.

    Raises:
        CultureParkError: For a status that no talk can have.
    """
    if not _all_listed(store):
        # Slow to import, and only runs of older versions need it.
        from culturepark.simulation.talks import load_transcripts  # noqa: PLC0415

        return map(line_of, selection.of(load_transcripts(store)))
    # A limit is the database's where nothing else leaves a talk out, so that no line is read in vain.
    lines = _lines(store, selection.limit if selection.takes_all else None)
    return selection.among(lines, facts=lambda line: line.facts)


def _all_listed(store: Store) -> bool:
    """Whether every talk has its line: a run that was begun by an older version lacks them."""
    with store.engine.connect() as connection:
        lines, talks = (
            connection.scalar(sa.select(sa.func.count()).select_from(table).where(table.c.run_id == store.run_id))
            for table in (_LINES, _TALKS)
        )
    return bool(lines == talks)


def _lines(store: Store, limit: int | None) -> Iterator[TalkLine]:
    columns = [_LINES.c[name] for name in TalkLine._fields]
    order = (_LINES.c.position, _LINES.c.parent.isnot(None), _LINES.c.talk)
    own = sa.select(*columns, _LINES.c.position).where(_LINES.c.run_id == store.run_id).order_by(*order)
    query, left = own, limit
    while left is None or left > 0:
        at_once = AT_ONCE if left is None else min(AT_ONCE, left)
        with store.engine.connect() as connection:
            found = connection.execute(query.limit(at_once)).all()
        lines = [TalkLine._make(row[:-1]) for row in found]
        yield from lines
        if len(found) < at_once:
            return
        left = None if left is None else left - at_once
        last, position = lines[-1], found[-1].position
        after = sa.tuple_(*order) > sa.tuple_(position, last.parent is not None, last.talk)
        query = own.where(_LINES.c.position >= position, after)


_TALKS = cast(sa.Table, TalkRow.__table__)
_LINES = cast(sa.Table, TalkLineRow.__table__)
