"""What a talk is about: kinds of cultural content, whether it goes beyond its question, whether people understand."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from culturepark.benchmarks.parsing import Kind as ReplyKind
from culturepark.runtime.record import Record

Topic = Literal["belief", "norm", "custom"]
SUB_KINDS: Final[Mapping[str, Topic]] = {
    "religious belief": "belief",
    "moral belief": "belief",
    "social belief": "belief",
    "political belief": "belief",
    "descriptive norm": "norm",
    "prescriptive norm": "norm",
    "traditional norm": "norm",
    "family custom": "custom",
    "social custom": "custom",
    "religious custom": "custom",
    "working custom": "custom",
}
"""Sub-kind to kind, in the order they are shown to the judge; what each means is in `task.yaml`."""
NO_KIND: Final = "none"
Understanding = Literal["understands", "ignores", "misreads"]


class Labelled(Record):
    """What the judge called an utterance."""

    talk: str
    turn: int
    seat: str
    kind: ReplyKind
    label: str | None
    """One of the closed labels; None where none could be read."""


def kinds(labels: Sequence[Labelled]) -> dict[str, int]:
    """How many utterances are of each kind, `none` for those that tell of no culture; unread ones are left out."""
    found: dict[str, int] = {"belief": 0, "norm": 0, "custom": 0, NO_KIND: 0}
    for one in labels:
        if one.label is not None:
            found[SUB_KINDS.get(one.label, NO_KIND)] += 1
    return found


def sub_kinds(labels: Sequence[Labelled]) -> dict[str, int]:
    """How many utterances are of each sub-kind, in the order of the list."""
    found = dict.fromkeys((*SUB_KINDS, NO_KIND), 0)
    for one in labels:
        if one.label is not None:
            found[one.label] += 1
    return found


def topic_extension(labels: Sequence[Labelled]) -> int | None:
    """Sub-kinds that a talk comes to after the one it begins with.

    Args:
        labels: Of one talk, in the order of its turns.

    Returns:
        None for a talk in which no utterance has a sub-kind.
    """
    found = [one.label for one in labels if one.label in SUB_KINDS]
    return len(set(found)) - 1 if found else None


def understanding(labels: Sequence[Labelled]) -> tuple[int, int]:
    """Replies across cultures that show understanding of what was said before, and all that were read."""
    read = [one.label for one in labels if one.label is not None]
    return read.count("understands"), len(read)
