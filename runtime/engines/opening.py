"""From `--engine` and `--address` to an engine, with the budget and the limits that hold wherever work is done."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, NamedTuple

from culturepark.runtime.budget import Allowance, Budget, BudgetSettings
from culturepark.runtime.engines.base import LOCAL, Engine
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.ledger import Tally, spent_before
from culturepark.runtime.pacing import LimitSettings
from culturepark.runtime.record import Record
from culturepark.runtime.store import Store, is_shared

ENGINES: Final = ("local", "ray")


class Chosen(Record):
    """Where work is to be done; no part of any id."""

    name: Literal["local", "ray"] = "local"
    address: str | None = None
    """Of a Ray cluster that is running; None starts one on this machine."""


class OpenEngine(NamedTuple):
    """An engine at work, and what the ledgers of this process need beside it."""

    engine: Engine
    budget: Allowance
    """What all processes of the run share."""
    limits: LimitSettings
    """What each ledger has to hold by itself."""


def choose_engine(name: str | None, address: str | None) -> Chosen:
    """Read `--engine` and `--address`.

    Raises:
        CultureParkError: For an unknown engine, or an address that nobody would use.
    """
    name = name or "local"
    if name not in ENGINES:
        raise unknown("engine", name, ENGINES, place="--engine")
    if address is not None and name != "ray":
        raise CultureParkError(f"--address {address} is for a Ray cluster; add --engine ray")
    return Chosen.model_validate({"name": name, "address": address})


def check_engine(chosen: Chosen, folder: Path, store_url: str | None) -> None:
    """Refuse an engine that cannot work on a run, before anything is made.

    Raises:
        CultureParkError: Says what is missing.
    """
    if chosen.name == "local":
        return
    if find_spec("ray") is None:
        raise CultureParkError("--engine ray: Ray is not installed; `pip install 'culturepark[ray]'`")
    if chosen.address is not None and not is_shared(folder, store_url):
        raise CultureParkError(
            f"--address {chosen.address}: other machines cannot reach {folder}/run.db; "
            "add --store postgresql+psycopg://user@host/database, or leave --address out"
        )


@asynccontextmanager
async def open_engine(
    chosen: Chosen, store: Store, *, budget: BudgetSettings, limits: LimitSettings, tally: Tally
) -> AsyncIterator[OpenEngine]:
    """Start an engine for work on a run; `tally` counts what its workers do.

    Raises:
        CultureParkError: When the cluster or a worker cannot be used.
    """
    if chosen.name == "local":
        yield OpenEngine(LOCAL, Budget(budget, spent=spent_before(store)), limits)
        return
    from culturepark.runtime.engines.ray_engine import open_ray  # noqa: PLC0415  (optional, and 500 MB)

    async with open_ray(chosen.address, store, budget=budget, limits=limits, tally=tally) as opened:
        yield opened
