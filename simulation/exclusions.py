"""What was removed from a run on request, kept so that nothing brings it back unasked."""

from collections.abc import Sequence
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record
from culturepark.runtime.store import Base, Store
from culturepark.simulation.transcript import Transcript


class Exclusion(Record):
    """A survey question, or one country's answers to it, that no talk of the run may use."""

    question: str
    country: str | None = None
    """ISO alpha-3; None is the question as a whole."""

    @property
    def words(self) -> str:
        """For people: `wvs7:Q27`, or `the answers of JOR to wvs7:Q27`."""
        return f"the answers of {self.country} to {self.question}" if self.country else self.question

    def covers(self, talk: Transcript) -> bool:
        """Whether a talk is about the question (or another source's copy of it) and uses these answers."""
        question = talk.question
        if question is None or self.question not in {question.id, question.same_as}:
            return False
        held = {seat.stance.country for seat in talk.seats if seat.stance is not None}
        return self.country is None or self.country in held


class ExclusionRow(Base):
    """One exclusion."""

    __tablename__ = "exclusions"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    question: Mapped[str] = mapped_column(primary_key=True)
    country: Mapped[str] = mapped_column(primary_key=True)
    """Empty for the question as a whole."""


_EXCLUSIONS = cast(sa.Table, ExclusionRow.__table__)


def exclude(connection: sa.Connection, store: Store, exclusion: Exclusion) -> None:
    """Keep an exclusion, inside the caller's transaction."""
    row = {"run_id": store.run_id, "question": exclusion.question, "country": exclusion.country or ""}
    connection.execute(store.insert_new(_EXCLUSIONS), [row])


def load_exclusions(store: Store) -> list[Exclusion]:
    """What was removed from the run, by question and country."""
    query = sa.select(_EXCLUSIONS.c.question, _EXCLUSIONS.c.country).where(_EXCLUSIONS.c.run_id == store.run_id)
    with store.engine.connect() as connection:
        rows = connection.execute(query.order_by(_EXCLUSIONS.c.question, _EXCLUSIONS.c.country)).all()
    return [Exclusion(question=question, country=country or None) for question, country in rows]


def excluding(exclusions: Sequence[Exclusion], talk: Transcript) -> Exclusion | None:
    """The exclusion that a talk falls under."""
    return next((one for one in exclusions if one.covers(talk)), None)


def refuse_removed(store: Store, talk: Transcript) -> None:
    """Keep a talk out of the run that is about what was removed from it.

    Raises:
        CultureParkError: Says what was removed, and the way out.
    """
    found = excluding(load_exclusions(store), talk)
    if found is not None:
        raise CultureParkError(
            f"{store.folder}: talk {talk.id} uses {found.words}, which was removed from this run; choose another --run"
        )
