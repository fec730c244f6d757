"""Which talks of a run are meant."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from culturepark.runtime.errors import unknown

if TYPE_CHECKING:
    from culturepark.simulation.transcript import Transcript

STATUSES = ("planned", "complete", "failed")
T = TypeVar("T")


class Facts(NamedTuple):
    """What a selection looks at in a talk."""

    cultures: frozenset[str]
    """The delegates'."""
    question: str
    """Empty where the talk is about none."""
    protocol: str
    status: str


class Selection(NamedTuple):
    """Words of the selection options, each a comma-separated list; None selects everything."""

    culture: str | None = None
    question: str | None = None
    protocol: str | None = None
    status: str | None = None
    limit: int | None = None

    @property
    def takes_all(self) -> bool:
        """Whether nothing but the limit leaves a talk out."""
        return self[:4] == (None, None, None, None)

    def of(self, talks: "Sequence[Transcript]") -> "list[Transcript]":
        """The talks that fit, in their order, the first `limit` of them.

        Raises:
            CultureParkError: For a status that no talk can have.
        """
        return list(self.among(talks, facts=facts_of))

    def among(self, items: Iterable[T], *, facts: Callable[[T], Facts]) -> Iterator[T]:
        """The items of talks that fit, as `of`, one after the other; what is wrong is raised at once."""
        for status in _listed(self.status):
            if status not in STATUSES:
                raise unknown("status", status, STATUSES, place="--status")
        fitting = items if self.takes_all else (item for item in items if self._fits(facts(item)))
        return islice(fitting, self.limit)

    def _fits(self, talk: Facts) -> bool:
        names = {talk.question, talk.question.partition(":")[2]}
        return (
            (self.culture is None or bool(talk.cultures & _listed(self.culture)))
            and (self.question is None or bool(names & _listed(self.question)))
            and (self.protocol is None or talk.protocol in _listed(self.protocol))
            and (self.status is None or talk.status in _listed(self.status))
        )


def facts_of(talk: "Transcript") -> Facts:
    """What a selection looks at in a transcript."""
    cultures = frozenset(seat.culture.id for seat in talk.seats if seat.role == "delegate")
    return Facts(cultures, talk.question.id if talk.question else "", talk.protocol.name, talk.status)


def _listed(words: str | None) -> set[str]:
    return {word.strip() for word in words.split(",")} if words else set()
