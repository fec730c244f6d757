"""What a run's requests came to, counted on from where the last look ended: a long run has hundreds of thousands."""

from pathlib import Path
from typing import NamedTuple, cast

import sqlalchemy as sa

from culturepark.runtime.store import CommittedReply, RemovedSpending, Store

_REPLIES = cast(sa.Table, CommittedReply.__table__)
_REMOVED = cast(sa.Table, RemovedSpending.__table__)
_ROWID = sa.literal_column("rowid", sa.Integer)


class Spent(NamedTuple):
    """Of one model."""

    requests: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    """US dollars; None where a reply's price is not known."""

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        cost = None if self.cost is None or other.cost is None else self.cost + other.cost
        tokens = self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out
        return Spent(self.requests + other.requests, *tokens, cost)


NOTHING = Spent(0, 0, 0, 0.0)


class _Looked(NamedTuple):
    last: int
    removed: tuple[int, int, float] | None
    by_model: dict[str, Spent]


class Spending:
    """Remembers for each run how far it has counted."""

    def __init__(self) -> None:
        self._looked: dict[Path, _Looked] = {}

    def of(self, store: Store) -> dict[str, Spent]:
        """Model identity to what was spent on it, in the order of names."""
        with store.engine.connect() as connection:
            removed = connection.execute(
                sa.select(_REMOVED.c.requests, _REMOVED.c.tokens, _REMOVED.c.money).where(
                    _REMOVED.c.run_id == store.run_id
                )
            ).first()
            was = self._looked.get(store.folder)
            kept = None if removed is None else (int(removed[0]), int(removed[1]), float(removed[2]))
            # Rows that were removed are no longer there to be counted: begin anew.
            if was is None or was.removed != kept or store.engine.dialect.name != "sqlite":
                was = _Looked(0, kept, {})
            now = _count_on(connection, store, was)
        self._looked[store.folder] = now
        return dict(sorted(now.by_model.items()))


def _count_on(connection: sa.Connection, store: Store, was: _Looked) -> _Looked:
    replies = sa.select(
        _REPLIES.c.identity,
        sa.func.count(),
        sa.func.sum(_REPLIES.c.tokens_in),
        sa.func.sum(_REPLIES.c.tokens_out),
        sa.case((sa.func.count() == sa.func.count(_REPLIES.c.cost), sa.func.sum(_REPLIES.c.cost))),
    ).where(_REPLIES.c.run_id == store.run_id)
    last = 0
    if store.engine.dialect.name == "sqlite":
        last = connection.scalar(sa.select(sa.func.max(_ROWID)).select_from(_REPLIES)) or 0
        replies = replies.where(_ROWID.between(was.last + 1, last))
    by_model = dict(was.by_model)
    for identity, *spent in connection.execute(replies.group_by(_REPLIES.c.identity)):
        by_model[identity] = by_model.get(identity, NOTHING).plus(Spent(*spent))
    return _Looked(last, was.removed, by_model)
