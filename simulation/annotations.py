"""What later stages found in a turn, kept beside the talk so that it can be shown and compared with it."""

from collections import defaultdict
from collections.abc import Iterable
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from culturepark.runtime.record import Record
from culturepark.runtime.store import Base, Store, insert_rows

AGAINST_STANCE = "contradict"
"""Label of an opinion that its own speaker should not hold."""


class Annotation(Record):
    """One opinion found in a turn."""

    talk: str
    turn: int
    text: str
    label: str
    """What became of it: a verdict, or the reason why it was dropped before it was judged."""


class AnnotationRow(Base):
    """One annotation, in the order of what was said."""

    __tablename__ = "annotations"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    talk: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    turn: Mapped[int]
    text: Mapped[str]
    label: Mapped[str]


_ANNOTATIONS = cast(sa.Table, AnnotationRow.__table__)


def replace_annotations(connection: sa.Connection, run_id: str, annotations: Iterable[Annotation]) -> None:
    """Put annotations in the place of all earlier ones of the run, inside the caller's transaction."""
    connection.execute(sa.delete(_ANNOTATIONS).where(_ANNOTATIONS.c.run_id == run_id))
    rows = (
        {"run_id": run_id, "position": position, **annotation.model_dump()}
        for position, annotation in enumerate(annotations)
    )
    insert_rows(connection, _ANNOTATIONS, rows)


def load_annotations(store: Store, talk: str) -> dict[int, list[Annotation]]:
    """Read a talk's annotations by turn; none before the run was refined."""
    columns = (_ANNOTATIONS.c.talk, _ANNOTATIONS.c.turn, _ANNOTATIONS.c.text, _ANNOTATIONS.c.label)
    query = sa.select(*columns).where(_ANNOTATIONS.c.run_id == store.run_id, _ANNOTATIONS.c.talk == talk)
    found: dict[int, list[Annotation]] = defaultdict(list)
    with store.engine.connect() as connection:
        for row in connection.execute(query.order_by(_ANNOTATIONS.c.position)).mappings():
            found[row["turn"]].append(Annotation.model_validate(dict(row)))
    return dict(found)
