"""The talks of a run in the store: planned, under way turn by turn, complete or failed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, cast

import sqlalchemy as sa

from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.protocols.turn import Turn
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Shared
from culturepark.runtime.store import Change, Put, Store
from culturepark.simulation.exclusions import refuse_removed
from culturepark.simulation.lines import line_row
from culturepark.simulation.talk_rows import TalkLineRow, TalkRow, TurnRow
from culturepark.simulation.transcript import Transcript

Status = Literal["planned", "complete", "failed"]
PLANS_AT_ONCE = 500
"""Rows of a plan in memory together: each holds its seats in full."""
TALKS_AT_ONCE = 64
"""Talks in memory together when they are read one after the other."""


_TALKS = cast(sa.Table, TalkRow.__table__)
_TURNS = cast(sa.Table, TurnRow.__table__)
_LINES = cast(sa.Table, TalkLineRow.__table__)


async def save_plans(store: Store, plans: Sequence[Transcript]) -> None:
    """Write down talks that are not there yet; talks of an earlier plan stay as they are, but for their factors."""
    # A talk of an older version has no line, and one as planned would say that it was not held.
    there = statuses(store, [plan.id for plan in plans])
    new = [(position, plan) for position, plan in enumerate(plans) if plan.id not in there]
    for begin in range(0, len(new), PLANS_AT_ONCE):
        some = new[begin : begin + PLANS_AT_ONCE]
        talks = [_talk_row(store, plan, position) for position, plan in some]
        lines = [line_row(store.run_id, plan, position) for position, plan in some]
        await store.commit(Put(TalkRow, talks), Put(TalkLineRow, lines))
    varied = {plan.id: plan.model_dump(mode="json")["factors"] for plan in plans if plan.factors}
    if not varied:
        return

    def job(connection: sa.Connection) -> None:
        # A study that varies something may hold talks which were there before it did.
        known = sa.select(_TALKS.c.id, _TALKS.c.plan).where(_TALKS.c.run_id == store.run_id)
        for talk, plan in connection.execute(known).all():
            if talk in varied and plan.get("factors") != varied[talk]:
                change = sa.update(_TALKS).where(_TALKS.c.run_id == store.run_id, _TALKS.c.id == talk)
                connection.execute(change.values(plan={**plan, "factors": varied[talk]}))

    await store.write(job)


def add_talks(store: Store, talks: Sequence[Transcript], *, position: int | None = None) -> None:
    """Write down talks with the turns they have, all or none; they stand at `position`, or after all others.

    The caller holds the run's lock and knows that the talks are not there yet.

    Raises:
        CultureParkError: When a talk is about what was removed from the run.
    """
    for talk in talks:
        refuse_removed(store, talk)
    with store.session() as session:
        if position is None:
            last = session.scalar(sa.select(sa.func.max(_TALKS.c.position)).where(_TALKS.c.run_id == store.run_id))
            position = 0 if last is None else last + 1
        for place, talk in enumerate(talks):
            row = _talk_row(store, talk, position + place) | {"status": talk.status, "reason": talk.reason}
            session.execute(sa.insert(_TALKS), row)
            session.execute(sa.insert(_LINES), line_row(store.run_id, talk, position + place))
            if talk.turns:
                session.execute(sa.insert(_TURNS), [_turn_row(store, talk.id, turn) for turn in talk.turns])


def position_of(store: Store, talk: str) -> int:
    """Place of a talk in the lists."""
    query = sa.select(_TALKS.c.position).where(_TALKS.c.run_id == store.run_id, _TALKS.c.id == talk)
    with store.engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


async def save_turn(store: Store, talk: str, turn: Turn, *, flagged: int) -> None:
    """Commit one utterance; once it is there, it stays as it is. `flagged` counts the talk's, this one included."""
    key, counts = {"run_id": store.run_id, "talk": talk}, {"turns": turn.index + 1, "flagged": flagged}
    await store.commit(Put(TurnRow, [_turn_row(store, talk, turn)]), Change(TalkLineRow, key, counts))


async def set_status(store: Store, talk: str, status: Status, reason: str | None = None) -> None:
    """Mark how a talk stands."""
    own = {"run_id": store.run_id}
    await store.commit(
        Change(TalkRow, {**own, "id": talk}, {"status": status, "reason": reason}),
        Change(TalkLineRow, {**own, "talk": talk}, {"status": status, "reason": reason}),
    )


def load_transcripts(
    store: Store, *, ids: Iterable[str] | None = None, status: Status | None = None, shared: Shared | None = None
) -> list[Transcript]:
    """Read talks with their turns, in the order of the plan; their questions and seats are those in `shared`."""
    talks = sa.select(_TALKS).where(_TALKS.c.run_id == store.run_id)
    turns = sa.select(_TURNS.c.talk, _TURNS.c.turn).where(_TURNS.c.run_id == store.run_id)
    if ids is not None:
        wanted = list(ids)
        talks = talks.where(_TALKS.c.id.in_(wanted))
        turns = turns.where(_TURNS.c.talk.in_(wanted))
    if status is not None:
        talks = talks.where(_TALKS.c.status == status)
    said: dict[str, list[Any]] = defaultdict(list)
    with store.engine.connect() as connection:
        for talk, turn in connection.execute(turns.order_by(_TURNS.c.talk, _TURNS.c.index)):
            said[talk].append(turn)
        rows = connection.execute(talks.order_by(_TALKS.c.position, _TALKS.c.id)).mappings().all()
    # A fork stands at the place of its parent, after it.
    rows = sorted(rows, key=lambda row: (row["position"], row["plan"].get("parent") is not None))
    shared = Shared() if shared is None else shared
    return [_transcript(row, said[row["id"]], shared) for row in rows]


def each_transcript(store: Store, ids: Sequence[str]) -> Iterator[Transcript]:
    """Read talks one after the other, in the order of the plan, which the ids are in; few are in memory at once."""
    shared = Shared()
    for begin in range(0, len(ids), TALKS_AT_ONCE):
        yield from load_transcripts(store, ids=ids[begin : begin + TALKS_AT_ONCE], shared=shared)


def _transcript(row: sa.RowMapping, turns: Sequence[Any], shared: Shared) -> Transcript:
    plan = row["plan"]
    question = None if plan["question"] is None else shared.read(Question, plan["question"])
    seats = tuple(shared.read(Seat, seat) for seat in plan["seats"])
    state = {"status": row["status"], "reason": row["reason"], "turns": turns}
    return Transcript.model_validate({**plan, "question": question, "seats": seats, **state})


def find_transcript(store: Store, talk: str) -> Transcript:
    """Read one talk by its id or a beginning of it that only one talk has.

    Raises:
        CultureParkError: When no talk, or more than one, begins so.
    """
    query = sa.select(_TALKS.c.id).where(_TALKS.c.run_id == store.run_id, _TALKS.c.id.startswith(talk, autoescape=True))
    with store.engine.connect() as connection:
        found = sorted(connection.scalars(query))
    if len(found) != 1:
        what = f"{len(found)} talks begin" if found else "no talk begins"
        raise CultureParkError(f"{store.folder}: {what} with {talk!r}; `culturepark transcripts list` shows the ids")
    return load_transcripts(store, ids=found)[0]


def lineage(store: Store, talk: Transcript) -> list[Transcript]:
    """Read the talks that a fork descends from, its parent first, as far as the run has them."""
    line: list[Transcript] = []
    parent = talk.parent
    while parent is not None and (found := load_transcripts(store, ids=[parent.id])):
        line += found
        parent = found[0].parent
    return line


def statuses(store: Store, ids: Sequence[str]) -> dict[str, Status]:
    """How the talks of a plan stand; a talk the store does not know is left out."""
    query = sa.select(_TALKS.c.id, _TALKS.c.status).where(_TALKS.c.run_id == store.run_id)
    with store.engine.connect() as connection:
        known = {talk: cast(Status, status) for talk, status in connection.execute(query)}
    return {talk: known[talk] for talk in ids if talk in known}


def unfinished(store: Store, ids: Sequence[str]) -> list[str]:
    """Those of the talks that are not complete, in their order.

    Raises:
        KeyError: For a talk that was not written down.
    """
    known = statuses(store, ids)
    return [talk for talk in ids if known[talk] != "complete"]


def failures(store: Store) -> list[tuple[str, str]]:
    """Failed talks with their reasons, in the order of the plan."""
    query = sa.select(_TALKS.c.id, _TALKS.c.reason).where(_TALKS.c.run_id == store.run_id, _TALKS.c.status == "failed")
    with store.engine.connect() as connection:
        rows = connection.execute(query.order_by(_TALKS.c.position, _TALKS.c.id))
        return [(talk, reason or "") for talk, reason in rows]


def _turn_row(store: Store, talk: str, turn: Turn) -> dict[str, Any]:
    return {
        "run_id": store.run_id,
        "talk": talk,
        "index": turn.index,
        "speaker": turn.speaker,
        "text": turn.text,
        "turn": turn.model_dump(mode="json"),
    }


def _talk_row(store: Store, plan: Transcript, position: int) -> dict[str, Any]:
    delegates = [seat.culture.id for seat in plan.seats if seat.role == "delegate"]
    return {
        "run_id": store.run_id,
        "id": plan.id,
        "position": position,
        "question": plan.question.id if plan.question else "",
        "cultures": "+".join(delegates),
        "protocol": plan.protocol.name,
        "status": "planned",
        "reason": None,
        "plan": plan.model_dump(mode="json", exclude={"turns", "status", "reason"}),
    }
