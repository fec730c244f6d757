"""What the `samples` commands share: their options and how they open a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from culturepark.runtime.store import Store

QUICKSTART = Path("runs/quickstart")
Run = Annotated[Path, typer.Option("--run", help="Run folder.")]
Culture = Annotated[str | None, typer.Option("--culture", help="Comma-separated culture ids.")]
Question = Annotated[str | None, typer.Option("--question", help="Comma-separated question ids.")]


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
