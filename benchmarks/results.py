"""Results of suites in the run database: the latest of each suite and model."""

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from culturepark.benchmarks.task import SuiteResult
from culturepark.runtime.store import Base, Store


class BenchResult(Base):
    """One suite on one model, see `SuiteResult`."""

    __tablename__ = "bench_results"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    suite: Mapped[str] = mapped_column(primary_key=True)
    identity: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int]
    """Order in which models were named, so that a report keeps it."""
    result: Mapped[str]
    """`SuiteResult` as JSON."""


def save_result(store: Store, result: SuiteResult, *, place: int = 0) -> None:
    """Keep a result in place of an earlier one of the same suite and model."""
    mine = (
        BenchResult.run_id == store.run_id,
        BenchResult.suite == result.suite,
        BenchResult.identity == result.identity,
    )
    with store.session() as session:
        session.execute(sa.delete(BenchResult).where(*mine))
        session.add(
            BenchResult(
                run_id=store.run_id,
                suite=result.suite,
                identity=result.identity,
                place=place,
                result=result.model_dump_json(),
            )
        )


def load_results(store: Store) -> list[SuiteResult]:
    """Read all results of a run, suite by suite."""
    with store.session() as session:
        rows = session.scalars(
            sa.select(BenchResult)
            .where(BenchResult.run_id == store.run_id)
            .order_by(BenchResult.suite, BenchResult.place, BenchResult.identity)
        )
        return [SuiteResult.model_validate_json(row.result) for row in rows]
