"""Take replies out of the ledger for good: their prompts go as far as no other reply needs them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import Final, NamedTuple, cast

import sqlalchemy as sa

from culturepark.runtime.budget import Amount
from culturepark.runtime.spending import write_off
from culturepark.runtime.store import CommittedReply, PromptMessage, Store, disk_errors

_EMPTY_LOG: Final = "PRAGMA wal_checkpoint(TRUNCATE)"
AT_ONCE: Final = 500
"""Values in one SQL list; databases bound them."""
PATIENCE: Final = 2000
"""Milliseconds for which others that use an SQLite file are waited for."""


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


def scrub(store: Store) -> bool:
    """Write an SQLite file anew, so that deleted texts do not linger in its free pages or its log.

    Returns whether they are gone: as long as another process is reading an older state of the file, SQLite keeps that.

    Raises:
        CultureParkError: When another program is writing, or the disk has no room for the file a second time.
    """
    return _outside(store, "VACUUM", _EMPTY_LOG)


def empty_log(store: Store) -> None:
    """Bring SQLite's log into the file as far as nobody is reading it, so that deleted texts do not linger there."""
    _outside(store, _EMPTY_LOG)


def _outside(store: Store, *statements: str) -> bool:
    """Run statements past SQLAlchemy, which would begin a transaction; returns whether the last one was not kept off.

    Others that use the file are waited for, but not for long.
    """
    if store.engine.dialect.name != "sqlite":
        return True
    connection = store.engine.raw_connection()
    connection.detach()  # the pool's connections wait for as long as they were prepared to
    with disk_errors(store.folder), closing(connection), closing(connection.cursor()) as cursor:
        cursor.execute(f"PRAGMA busy_timeout={PATIENCE}")
        for statement in statements:
            try:
                cursor.execute(statement)
            except store.engine.dialect.loaded_dbapi.Error as error:
                raise sa.exc.OperationalError(statement, (), error) from None
        ((busy, _, _),) = cursor.fetchall()
    return not busy


def _parts(values: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while part := list(islice(rest, AT_ONCE)):
        yield part


_REPLIES = cast(sa.Table, CommittedReply.__table__)
_MESSAGES = cast(sa.Table, PromptMessage.__table__)
