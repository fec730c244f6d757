"""Take replies out of the ledger for good: their prompts go as far as no other reply needs them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple, cast

import sqlalchemy as sa

from culturepark.runtime.budget import Amount
from culturepark.runtime.spending import write_off
from culturepark.runtime.store import CommittedReply, PromptMessage, Store

AT_ONCE: Final = 500
"""Values in one SQL list; databases bound them."""


class Asked(NamedTuple):
    """A committed reply, without its text."""

    prompt: str
    """Hash of the prompt's last message."""
    purpose: str


class Prompts(NamedTuple):
    """The ledger's replies and how their prompts hang together."""

    replies: Mapping[str, Asked]
    """By ledger key."""
    parents: Mapping[str, str | None]
    """Message before each message."""

    def chain(self, keys: Iterable[str]) -> set[str]:
        """Every message that the prompts of some replies are made of."""
        found: set[str] = set()
        for key in keys:
            message: str | None = self.replies[key].prompt
            while message is not None and message not in found:
                found.add(message)
                message = self.parents[message]
        return found


def load_prompts(store: Store) -> Prompts:
    """Read the shape of a run's ledger, no texts."""
    replies = sa.select(_REPLIES.c.key, _REPLIES.c.prompt, _REPLIES.c.purpose).where(_REPLIES.c.run_id == store.run_id)
    messages = sa.select(_MESSAGES.c.hash, _MESSAGES.c.parent).where(_MESSAGES.c.run_id == store.run_id)
    with store.engine.connect() as connection:
        return Prompts(
            {key: Asked(prompt, purpose) for key, prompt, purpose in connection.execute(replies)},
            dict(map(tuple, connection.execute(messages))),
        )


def contents(store: Store, messages: Collection[str]) -> dict[str, str]:
    """Texts of messages by hash."""
    found: dict[str, str] = {}
    with store.engine.connect() as connection:
        for part in _parts(sorted(messages)):
            query = sa.select(_MESSAGES.c.hash, _MESSAGES.c.content).where(
                _MESSAGES.c.run_id == store.run_id, _MESSAGES.c.hash.in_(part)
            )
            found.update(map(tuple, connection.execute(query)))
    return found


def forget(connection: sa.Connection, run_id: str, *, keys: Collection[str], messages: Collection[str]) -> None:
    """Delete replies and messages, inside the caller's transaction. What the replies had cost stays spent."""
    requests, tokens, money = 0, 0, 0.0
    for part in _parts(sorted(keys)):
        chosen = (_REPLIES.c.run_id == run_id, _REPLIES.c.key.in_(part))
        sums = sa.select(
            sa.func.count(), sa.func.sum(_REPLIES.c.tokens_in + _REPLIES.c.tokens_out), sa.func.sum(_REPLIES.c.cost)
        )
        count, spent, cost = connection.execute(sums.where(*chosen)).one()
        requests, tokens, money = requests + count, tokens + (spent or 0), money + (cost or 0.0)
        connection.execute(sa.delete(_REPLIES).where(*chosen))
    for part in _parts(sorted(messages)):
        connection.execute(sa.delete(_MESSAGES).where(_MESSAGES.c.run_id == run_id, _MESSAGES.c.hash.in_(part)))
    if requests:
        write_off(connection, run_id, Amount(requests, tokens, money))


def scrub(store: Store) -> None:
    """Write an SQLite file anew, so that deleted texts do not linger in its free pages or its log."""
    if store.engine.dialect.name != "sqlite":
        return
    connection = store.engine.raw_connection()
    try:
        # Past SQLAlchemy, which would begin a transaction: VACUUM cannot run inside one.
        for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            connection.cursor().execute(statement)
    finally:
        connection.close()


def _parts(values: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while part := list(islice(rest, AT_ONCE)):
        yield part


_REPLIES = cast(sa.Table, CommittedReply.__table__)
_MESSAGES = cast(sa.Table, PromptMessage.__table__)
