"""What was spent and no reply in the run stands for: tries that brought none, and replies that were removed."""

from typing import cast

import sqlalchemy as sa

from culturepark.runtime.budget import NOTHING, Amount
from culturepark.runtime.store import OtherSpending

_TABLE = cast(sa.Table, OtherSpending.__table__)


def written_off(connection: sa.Connection, run_id: str) -> Amount:
    """All of it so far."""
    row = connection.execute(sa.select(_TABLE).where(_TABLE.c.run_id == run_id)).mappings().first()
    return Amount(row["requests"], row["tokens"], row["money"]) if row else NOTHING


def write_off(connection: sa.Connection, run_id: str, more: Amount) -> None:
    """Add to it, inside the caller's transaction."""
    of_run = _TABLE.c.run_id == run_id
    grown = {name: _TABLE.c[name] + value for name, value in more._asdict().items()}
    if not connection.execute(sa.update(_TABLE).where(of_run).values(grown)).rowcount:
        connection.execute(sa.insert(_TABLE).values(run_id=run_id, **more._asdict()))
