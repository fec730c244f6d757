"""A run's talks as tables. A list of talks reads these and no transcript, so nothing that describes one is imported."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from culturepark.runtime.store import Base


class TalkRow(Base):
    """A talk's fixed part, as decided before its first turn."""

    __tablename__ = "talks"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    """Place in the plan it was first part of; lists are in this order."""
    question: Mapped[str] = mapped_column(index=True)
    cultures: Mapped[str]
    """The delegates' cultures, joined by `+`."""
    protocol: Mapped[str]
    status: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str | None]
    plan: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    """The transcript without its turns."""


class TurnRow(Base):
    """One committed utterance."""

    __tablename__ = "turns"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    talk: Mapped[str] = mapped_column(primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True)
    speaker: Mapped[str]
    text: Mapped[str]
    turn: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


class TalkLineRow(Base):
    """What a list says of a talk; follows from the talk, and is written together with it."""

    __tablename__ = "listed_talks"
    __table_args__ = (sa.Index("listed_talks_in_order", "run_id", "position"),)

    run_id: Mapped[str] = mapped_column(primary_key=True)
    talk: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    cultures: Mapped[str]
    question: Mapped[str | None]
    topic: Mapped[str | None]
    protocol: Mapped[str]
    language: Mapped[str]
    model: Mapped[str]
    turns: Mapped[int]
    flagged: Mapped[int]
    stance_distance: Mapped[float | None]
    status: Mapped[str]
    reason: Mapped[str | None]
    parent: Mapped[str | None]
    """JSON; only forks have one."""
