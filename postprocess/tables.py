"""Opinions, samples and the funnel of a run in the store."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from culturepark.postprocess.funnel import Funnel
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import Sample
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.store import Base, Store, insert_rows
from culturepark.simulation.annotations import Annotation, replace_annotations

AT_ONCE: Final = 500
"""Ids in one query: databases limit them."""


class OpinionRow(Base):
    """One opinion with what became of it."""

    __tablename__ = "opinions"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    talk: Mapped[str] = mapped_column(index=True)
    turn: Mapped[int]
    dropped: Mapped[str | None]
    opinion: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


class SampleRow(Base):
    """One distinct, verified sample."""

    __tablename__ = "samples"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    culture: Mapped[str] = mapped_column(index=True)
    question: Mapped[str]
    sample: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


class FunnelRow(Base):
    """The counts of the run's last refinement."""

    __tablename__ = "funnel"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    funnel: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


_OPINIONS = cast(sa.Table, OpinionRow.__table__)
_SAMPLES = cast(sa.Table, SampleRow.__table__)
_FUNNEL = cast(sa.Table, FunnelRow.__table__)


async def replace_refined(store: Store, opinions: Sequence[Opinion], samples: Sequence[Sample], funnel: Funnel) -> None:
    """Put a refinement in the place of the one before, in one transaction."""
    await store.write(lambda connection: put_refined(connection, store.run_id, opinions, samples, funnel))


def put_refined(
    connection: sa.Connection,
    run_id: str,
    opinions: Sequence[Opinion],
    samples: Sequence[Sample],
    funnel: Funnel | None,
) -> None:
    """Put a refinement in the place of the one before, inside the caller's transaction.

    Without a funnel the run has none: what is left of a refinement was not counted.
    """
    opinion_rows = (
        {
            "run_id": run_id,
            "id": opinion.id,
            "position": position,
            "talk": opinion.talk,
            "turn": opinion.turn,
            "dropped": opinion.dropped,
            "opinion": opinion.model_dump(mode="json"),
        }
        for position, opinion in enumerate(opinions)
    )
    sample_rows = (
        {
            "run_id": run_id,
            "id": sample.id,
            "position": position,
            "culture": sample.culture,
            "question": sample.question,
            "sample": sample.model_dump(mode="json"),
        }
        for position, sample in enumerate(samples)
    )
    for table in (_OPINIONS, _SAMPLES, _FUNNEL):
        connection.execute(sa.delete(table).where(table.c.run_id == run_id))
    insert_rows(connection, _OPINIONS, opinion_rows)
    insert_rows(connection, _SAMPLES, sample_rows)
    replace_annotations(connection, run_id, map(_annotation, opinions))
    if funnel is not None:
        connection.execute(sa.insert(_FUNNEL).values(run_id=run_id, funnel=funnel.model_dump(mode="json")))


def load_opinions(store: Store, *, talk: str | None = None, ids: Iterable[str] | None = None) -> list[Opinion]:
    """Read opinions in the order they were said, of one talk or with certain ids if given."""
    query = sa.select(_OPINIONS.c.position, _OPINIONS.c.opinion).where(_OPINIONS.c.run_id == store.run_id)
    if talk is not None:
        query = query.where(_OPINIONS.c.talk == talk)
    queries = [query]
    if ids is not None:
        wanted = sorted(set(ids))
        parts = [wanted[start : start + AT_ONCE] for start in range(0, len(wanted), AT_ONCE)]
        queries = [query.where(_OPINIONS.c.id.in_(part)) for part in parts]
    with store.engine.connect() as connection:
        rows = [row for one in queries for row in connection.execute(one.order_by(_OPINIONS.c.position))]
    return [Opinion.model_validate(opinion) for _, opinion in sorted(rows, key=lambda row: int(row[0]))]


def each_opinion(store: Store) -> Iterator[Opinion]:
    """Read opinions one after the other, in the order they were said; few are in memory at once."""
    query = sa.select(_OPINIONS.c.position, _OPINIONS.c.opinion).where(_OPINIONS.c.run_id == store.run_id)
    query, last = query.order_by(_OPINIONS.c.position).limit(AT_ONCE), -1
    while True:
        with store.engine.connect() as connection:
            rows = connection.execute(query.where(_OPINIONS.c.position > last)).all()
        yield from (Opinion.model_validate(row.opinion) for row in rows)
        if len(rows) < AT_ONCE:
            return
        last = rows[-1].position


def load_samples(store: Store, *, cultures: Sequence[str] = (), questions: Sequence[str] = ()) -> list[Sample]:
    """Read samples in order, of some cultures or questions if given."""
    query = sa.select(_SAMPLES.c.sample).where(_SAMPLES.c.run_id == store.run_id)
    if cultures:
        query = query.where(_SAMPLES.c.culture.in_(cultures))
    if questions:
        query = query.where(_SAMPLES.c.question.in_(questions))
    with store.engine.connect() as connection:
        return [Sample.model_validate(row) for row in connection.scalars(query.order_by(_SAMPLES.c.position))]


def load_funnel(store: Store) -> Funnel | None:
    """Read the counts of the last refinement; None before the first."""
    with store.engine.connect() as connection:
        row = connection.scalar(sa.select(_FUNNEL.c.funnel).where(_FUNNEL.c.run_id == store.run_id))
    return Funnel.model_validate(row) if row is not None else None


def load_sample(store: Store, sample: str) -> Sample | None:
    """Read one sample by its whole id; None when the run has no such one."""
    query = sa.select(_SAMPLES.c.sample).where(_SAMPLES.c.run_id == store.run_id, _SAMPLES.c.id == sample)
    with store.engine.connect() as connection:
        row = connection.scalar(query)
    return Sample.model_validate(row) if row is not None else None


def find_sample(store: Store, sample: str) -> Sample:
    """Read one sample by its id or a beginning of it that only one sample has.

    Raises:
        CultureParkError: When no sample, or more than one, begins so.
    """
    found = [candidate for candidate in load_samples(store) if candidate.id.startswith(sample)]
    if len(found) != 1:
        what = f"{len(found)} samples begin" if found else "no sample begins"
        raise CultureParkError(f"{store.folder}: {what} with {sample!r}; `culturepark samples list` shows the ids")
    return found[0]


def _annotation(opinion: Opinion) -> Annotation:
    """What stands in the turn, and what was found about that; what it was reworded to is no part of the talk."""
    label = opinion.verdict_as_said or opinion.dropped or "not judged"
    return Annotation(talk=opinion.talk, turn=opinion.turn, text=opinion.quote, label=label)
