"""Losses of adapters in the run database."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from culturepark.runtime.store import Base, Store
from culturepark.training.curves import Curve


class TrainingPoint(Base):
    """One point of an adapter's curve, see `culturepark.training.curves.Curve`."""

    __tablename__ = "training_points"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    adapter: Mapped[str] = mapped_column(primary_key=True)
    """Name of the adapter's folder in the run."""
    place: Mapped[int] = mapped_column(primary_key=True)
    """Order of the points: a step may have a training loss and a validation loss."""
    step: Mapped[int]
    loss: Mapped[float | None]
    learning_rate: Mapped[float | None]
    validation_loss: Mapped[float | None]


def save_curve(store: Store, adapter: str, curve: Sequence[Curve]) -> None:
    """Put a curve in place of what was there under the adapter's name."""
    mine = (TrainingPoint.run_id == store.run_id, TrainingPoint.adapter == adapter)
    with store.session() as session:
        session.execute(sa.delete(TrainingPoint).where(*mine))
        session.add_all(
            TrainingPoint(run_id=store.run_id, adapter=adapter, place=place, **point.model_dump())
            for place, point in enumerate(curve)
        )


def load_curve(store: Store, adapter: str) -> list[Curve]:
    """Read a curve back; empty for an adapter that has none."""
    mine = (TrainingPoint.run_id == store.run_id, TrainingPoint.adapter == adapter)
    with store.session() as session:
        points = session.scalars(sa.select(TrainingPoint).where(*mine).order_by(TrainingPoint.place))
        return [Curve.model_validate({name: getattr(point, name) for name in Curve.model_fields}) for point in points]
