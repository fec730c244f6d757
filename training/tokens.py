"""How long rows are, and what making them took."""

from collections.abc import Callable, Iterable
from math import ceil
from typing import Final, NamedTuple, cast

import sqlalchemy as sa

from culturepark.runtime.record import Record
from culturepark.runtime.request import Message
from culturepark.runtime.store import CommittedReply, Store
from culturepark.training.row import Row

BYTES_A_TOKEN: Final = 4.0
"""Of English; other scripts have more bytes a character and fewer characters a token."""
A_MESSAGE: Final = 4
"""Tokens of a chat template around each message."""


class Generation(Record):
    """What the replies behind a set of rows took, from the ledger."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    purposes: dict[str, int] = {}
    """Tokens out by purpose."""

    def __add__(self, other: "Generation") -> "Generation":
        purposes = {
            purpose: self.purposes.get(purpose, 0) + other.purposes.get(purpose, 0)
            for purpose in sorted({*self.purposes, *other.purposes})
        }
        return Generation(
            requests=self.requests + other.requests,
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            purposes=purposes,
        )


def estimated_tokens(row: Row) -> int:
    """Tokens of a row where the service keeps its tokenizer: one for four bytes, and a few for each message."""
    return sum(_estimated(message) for message in row.messages)


class RowLengths(NamedTuple):
    """How the tokens of a row are counted."""

    of: Callable[[Row], int]
    exact: bool
    """Whether by the tokenizer of the model that is trained."""

    def one_pass(self, rows: Iterable[Row]) -> int:
        """Tokens of one pass over rows, each as often as it counts."""
        return sum(row.weight * self.of(row) for row in rows)


ESTIMATED: Final = RowLengths(estimated_tokens, exact=False)


def _estimated(message: Message) -> int:
    return A_MESSAGE + ceil(len(message.content.encode()) / BYTES_A_TOKEN)


def generation(store: Store, *, only: str | None = None) -> Generation:
    """What a run's committed replies took, those of one purpose if given."""
    table = cast(sa.Table, CommittedReply.__table__)
    query = sa.select(
        table.c.purpose, sa.func.count(), sa.func.sum(table.c.tokens_in), sa.func.sum(table.c.tokens_out)
    ).where(table.c.run_id == store.run_id)
    if only is not None:
        query = query.where(table.c.purpose == only)
    with store.engine.connect() as connection:
        found = connection.execute(query.group_by(table.c.purpose).order_by(table.c.purpose)).all()
    return Generation(
        requests=sum(row[1] for row in found),
        tokens_in=sum(row[2] for row in found),
        tokens_out=sum(row[3] for row in found),
        purposes={row[0]: row[3] for row in found},
    )
