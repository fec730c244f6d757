"""Committed replies read back with the whole prompt that each of them answered."""

from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from culturepark.runtime.request import Message, Reply, Request
from culturepark.runtime.store import CommittedReply, PromptMessage, Store

_MESSAGES = cast(sa.Table, PromptMessage.__table__)
_REPLIES = cast(sa.Table, CommittedReply.__table__)


class Committed(NamedTuple):
    """A request as it was sent, with its reply."""

    key: str
    identity: str
    request: Request
    reply: Reply


def committed(store: Store, key: str) -> Committed | None:
    """Read a committed reply by its ledger key; None where the run does not hold it."""
    query = sa.select(_REPLIES).where(_REPLIES.c.run_id == store.run_id, _REPLIES.c.key == key)
    with store.engine.connect() as connection:
        row = connection.execute(query).mappings().first()
        return None if row is None else _read(connection, store.run_id, row)


def other_draw(store: Store, of: Committed, draw: int) -> Committed | None:
    """Read another draw of the same utterance: the same context, the last message reworded, the seed moved on."""
    if draw == of.request.draw:
        return of
    seed = of.request.seed - of.request.draw + draw
    context = of.request.messages[:-1]
    query = sa.select(_REPLIES).where(
        _REPLIES.c.run_id == store.run_id, _REPLIES.c.purpose == of.request.purpose, _REPLIES.c.draw == draw
    )
    with store.engine.connect() as connection:
        for row in connection.execute(query.order_by(_REPLIES.c.key)).mappings():
            if row["settings"]["seed"] != seed or row["identity"] != of.identity:
                continue
            found = _read(connection, store.run_id, row)
            if found.request.messages[:-1] == context:
                return found
    return None


def _read(connection: sa.Connection, run_id: str, row: Any) -> Committed:
    request = Request.model_validate(
        {
            **row["settings"],
            "messages": _chain(connection, run_id, row["prompt"]),
            "purpose": row["purpose"],
            "draw": row["draw"],
        }
    )
    return Committed(row["key"], row["identity"], request, Reply.model_validate(row["reply"]))


def _chain(connection: sa.Connection, run_id: str, last: str) -> tuple[Message, ...]:
    """Follow the messages from the last one up, and return them in the order they were sent."""
    link: Any = sa.select(_MESSAGES).where(_MESSAGES.c.run_id == run_id, _MESSAGES.c.hash == last)
    chain = link.add_columns(sa.literal(0).label("depth")).cte("chain", recursive=True)
    above = sa.select(_MESSAGES, chain.c.depth + 1).where(
        _MESSAGES.c.run_id == run_id, _MESSAGES.c.hash == chain.c.parent
    )
    chain = chain.union_all(above)
    rows = connection.execute(sa.select(chain.c.role, chain.c.content).order_by(chain.c.depth.desc()))
    return tuple(Message(role=role, content=content) for role, content in rows)
