"""One line a talk, for lists: narrow rows beside the talks, so that a list of 100,000 reads no transcript."""

import json
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import sqlalchemy as sa

from culturepark.runtime.store import Store
from culturepark.simulation.selection import Facts, Selection
from culturepark.simulation.talk_rows import TalkLineRow, TalkRow

if TYPE_CHECKING:
    from culturepark.simulation.transcript import Transcript


class TalkLine(NamedTuple):
    """What a list says of a talk."""

    talk: str
    cultures: str
    """The delegates' cultures, joined by `+`."""
    question: str | None
    topic: str | None
    protocol: str
    language: str
    model: str
    turns: int
    flagged: int
    stance_distance: float | None
    status: str
    reason: str | None
    """Why a failed talk failed."""
    parent: str | None
    """Where a fork left another talk, as JSON."""

    @property
    def facts(self) -> Facts:
        """What a selection looks at."""
        return Facts(frozenset(self.cultures.split("+")), self.question or "", self.protocol, self.status)

    @property
    def cells(self) -> tuple[object, ...]:
        """The line under `COLUMNS`."""
        parent = None if self.parent is None else json.loads(self.parent)
        return (
            self.talk, self.cultures, self.question, self.topic, self.protocol, self.language, self.turns,
            self.flagged, self.status, None if parent is None else f"{parent['id']} at {parent['turn']}",
        )  # fmt: skip

    @property
    def document(self) -> dict[str, object]:
        """The line for programs."""
        return {
            "id": self.talk,
            "question": self.question,
            "cultures": self.cultures.split("+"),
            "protocol": self.protocol,
            "language": self.language,
            "model": self.model,
            "turns": self.turns,
            "flagged": self.flagged,
            "stance_distance": self.stance_distance,
            "status": self.status,
            "reason": self.reason,
            "parent": None if self.parent is None else json.loads(self.parent),
        }


COLUMNS = ("talk", "culture", "question", "topic", "protocol", "language", "turns", "flagged", "status", "fork of")


def line_of(talk: "Transcript") -> TalkLine:
    """The line of a talk."""
    return TalkLine(
        talk=talk.id,
        cultures="+".join(seat.culture.id for seat in talk.seats if seat.role == "delegate"),
        question=talk.question.id if talk.question else None,
        topic=talk.question.topic if talk.question else None,
        protocol=talk.protocol.name,
        language=talk.language,
        model=talk.model,
        turns=len(talk.turns),
        flagged=sum(bool(turn.flags) for turn in talk.turns),
        stance_distance=talk.stance_distance,
        status=talk.status,
        reason=talk.reason,
        parent=talk.parent.model_dump_json() if talk.parent else None,
    )


def line_row(run_id: str, talk: "Transcript", position: int) -> dict[str, Any]:
    """The line of a talk as it is stored."""
    return {"run_id": run_id, "position": position, **line_of(talk)._asdict()}


def list_talks(store: Store, selection: Selection) -> list[TalkLine]:
    """One line for each talk that fits, in the order of the plan; a fork stands after its parent.

    Raises:
        CultureParkError: For a status that no talk can have.
    """
    lines = _load_lines(store, selection)
    if lines is None:
        # Slow to import, and only runs of older versions need it.
        from culturepark.simulation.talks import load_transcripts  # noqa: PLC0415

        return [line_of(talk) for talk in selection.of(load_transcripts(store))]
    return lines


def _load_lines(store: Store, selection: Selection) -> list[TalkLine] | None:
    """None where the run holds another number of talks than lines: it was begun by an older version."""
    own = _LINES.c.run_id == store.run_id
    columns = [_LINES.c[name] for name in TalkLine._fields]
    query = sa.select(*columns).where(own).order_by(_LINES.c.position, _LINES.c.parent.isnot(None), _LINES.c.talk)
    with store.engine.connect() as connection:
        lines, talks = (
            connection.scalar(sa.select(sa.func.count()).select_from(table).where(table.c.run_id == store.run_id))
            for table in (_LINES, _TALKS)
        )
        if lines != talks:
            return None
        if selection.takes_all:
            query = query.limit(selection.limit)
        found = list(map(TalkLine._make, connection.execute(query).all()))
    return found if selection.takes_all else selection.among(found, facts=lambda line: line.facts)


_TALKS = cast(sa.Table, TalkRow.__table__)
_LINES = cast(sa.Table, TalkLineRow.__table__)
