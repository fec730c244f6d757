"""One line a talk, for lists: narrow rows beside the talks, so that a list of 100,000 reads no transcript."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from culturepark.runtime.store import Base, Store
from culturepark.simulation.selection import Facts, Selection
from culturepark.simulation.transcript import Transcript


class TalkLineRow(Base):
    """What a list says of a talk; follows from the talk, and is written together with it."""

    __tablename__ = "talk_lines"
    __table_args__ = (sa.Index("talk_lines_in_order", "run_id", "position"),)

    run_id: Mapped[str] = mapped_column(primary_key=True)
    talk: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    cultures: Mapped[str]
    question: Mapped[str | None]
    topic: Mapped[str | None]
    protocol: Mapped[str]
    language: Mapped[str]
    turns: Mapped[int]
    flagged: Mapped[int]
    status: Mapped[str]
    fork_of: Mapped[str | None]


class TalkLine(NamedTuple):
    """A line of the list, in the order of its columns."""

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
    fork_of: str | None
    """Parent and turn, in words."""

    @property
    def facts(self) -> Facts:
        """What a selection looks at."""
        return Facts(frozenset(self.cultures.split("+")), self.question or "", self.protocol, self.status)


def line_of(talk: Transcript) -> TalkLine:
    """The line of a talk."""
    return TalkLine(
        talk=talk.id,
        cultures="+".join(seat.culture.id for seat in talk.seats if seat.role == "delegate"),
        question=talk.question.id if talk.question else None,
        topic=talk.question.topic if talk.question else None,
        protocol=talk.protocol.name,
        language=talk.language,
        turns=len(talk.turns),
        flagged=sum(bool(turn.flags) for turn in talk.turns),
        status=talk.status,
        fork_of=f"{talk.parent.id} at {talk.parent.turn}" if talk.parent else None,
    )


def line_row(run_id: str, talk: Transcript, position: int) -> dict[str, Any]:
    """The line of a talk as it is stored."""
    return {"run_id": run_id, "position": position, **line_of(talk)._asdict()}


def load_lines(store: Store, selection: Selection, *, talks: int) -> list[TalkLine] | None:
    """Read the lines of the talks that fit, in the order of the plan; a fork stands after its parent.

    None where the run holds another number of talks than lines: it was begun by an older version.
    """
    own = _LINES.c.run_id == store.run_id
    columns = [_LINES.c[name] for name in TalkLine._fields]
    query = sa.select(*columns).where(own).order_by(_LINES.c.position, _LINES.c.fork_of.isnot(None), _LINES.c.talk)
    with store.engine.connect() as connection:
        if connection.scalar(sa.select(sa.func.count()).select_from(_LINES).where(own)) != talks:
            return None
        if selection.takes_all:
            query = query.limit(selection.limit)
        lines = [TalkLine(*row) for row in connection.execute(query)]
    return lines if selection.takes_all else selection.among(lines, facts=lambda line: line.facts)


def lines_of(talks: Sequence[Transcript], selection: Selection) -> list[TalkLine]:
    """The lines of the talks that fit."""
    return [line_of(talk) for talk in selection.of(talks)]


_LINES = cast(sa.Table, TalkLineRow.__table__)
