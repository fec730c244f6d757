"""Which talks of a run are meant."""

from collections.abc import Sequence
from typing import NamedTuple

from culturepark.runtime.errors import unknown
from culturepark.simulation.transcript import Transcript

STATUSES = ("planned", "complete", "failed")


class Selection(NamedTuple):
    """Words of the selection options, each a comma-separated list; None selects everything."""

    culture: str | None = None
    question: str | None = None
    protocol: str | None = None
    status: str | None = None
    limit: int | None = None

    def of(self, talks: Sequence[Transcript]) -> list[Transcript]:
        """The talks that fit, in their order, the first `limit` of them.

        Raises:
            CultureParkError: For a status that no talk can have.
        """
        for status in _listed(self.status):
            if status not in STATUSES:
                raise unknown("status", status, STATUSES, place="--status")
        return [talk for talk in talks if self._fits(talk)][: self.limit]

    def _fits(self, talk: Transcript) -> bool:
        cultures = {seat.culture.id for seat in talk.seats if seat.role == "delegate"}
        question = talk.question.id if talk.question else ""
        return (
            (self.culture is None or bool(cultures & _listed(self.culture)))
            and (self.question is None or bool({question, question.partition(":")[2]} & _listed(self.question)))
            and (self.protocol is None or talk.protocol.name in _listed(self.protocol))
            and (self.status is None or talk.status in _listed(self.status))
        )


def _listed(words: str | None) -> set[str]:
    return {word.strip() for word in words.split(",")} if words else set()
