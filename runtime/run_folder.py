"""What commands on a run's folder share: the option, how they open it and how they stop."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import note

if TYPE_CHECKING:
    from culturepark.runtime.store import Store

QUICKSTART = Path("runs/quickstart")
Run = Annotated[Path, typer.Option("--run", help="Run folder.")]


@contextmanager
def reading(run: Path) -> "Iterator[Store]":
    """Open a run that is there; tables that the caller uses have to be imported before.

    Raises:
        CultureParkError: When there is none.
    """
    from culturepark.runtime.store import open_store  # noqa: PLC0415  (imports SQLAlchemy)

    store = open_store(run, create=False)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def writing(run: Path) -> "Iterator[Store]":
    """Open a run for a command that changes it; nobody else works on it meanwhile.

    Raises:
        CultureParkError: When there is none, or another process is at work on it.
    """
    from culturepark.runtime.store import only_writer  # noqa: PLC0415  (as above)

    with reading(run) as store, only_writer(run):
        yield store


@contextmanager
def stoppable(goes_on: str) -> Iterator[None]:
    """End with exit code 130 when the user interrupts and 1 when the budget is spent.

    Args:
        goes_on: What is saved where, and how to go on.
    """
    from culturepark.runtime.errors import BudgetSpentError  # noqa: PLC0415  (only read when something runs)

    try:
        yield
    except KeyboardInterrupt:
        note(f"interrupted: {goes_on}")
        raise typer.Exit(code=130) from None
    except BudgetSpentError as error:
        note(f"stopped: {error}")
        raise typer.Exit(code=1) from None
