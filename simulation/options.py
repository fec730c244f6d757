"""What the `transcripts` commands share: their options, how they open a run and how they stop."""

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
Talk = Annotated[str, typer.Argument(help="Id of a talk, or its beginning.")]
Culture = Annotated[str | None, typer.Option("--culture", help="Comma-separated ids of delegates' cultures.")]
Question = Annotated[str | None, typer.Option("--question", help="Comma-separated question ids.")]
Protocol = Annotated[str | None, typer.Option("--protocol", help="Comma-separated protocols, as they were named.")]
Status = Annotated[str | None, typer.Option("--status", help="planned, complete or failed; comma-separated.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="First so many talks.")]
Model = Annotated[str | None, typer.Option("--model", help="builtin[:NAME[+ADAPTER]], openai:NAME or gguf:PATH.")]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="Address of an OpenAI-compatible server.")]


def pairs(given: list[str] | None, *, option: str) -> dict[str, str]:
    """Read `key=value` options.

    Raises:
        CultureParkError: For one that is not, or a key given twice.
    """
    from culturepark.runtime.errors import CultureParkError  # noqa: PLC0415  (light, but only read when there are any)

    found: dict[str, str] = {}
    for pair in given or []:
        key, equals, value = pair.partition("=")
        if not equals or not key or not value:
            raise CultureParkError(f"{option} {pair!r} is not key=value")
        if key in found:
            raise CultureParkError(f"{option}: {key!r} is given twice")
        found[key] = value
    return found


@contextmanager
def reading(run: Path) -> "Iterator[Store]":
    """Open a run that is there.

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
def stoppable(goes_on: str) -> "Iterator[None]":
    """End as the other commands do when a budget is spent or the user interrupts."""
    from culturepark.runtime.errors import BudgetSpentError  # noqa: PLC0415  (as above)

    try:
        yield
    except KeyboardInterrupt:
        note(f"interrupted: {goes_on}")
        raise typer.Exit(code=130) from None
    except BudgetSpentError as error:
        note(f"stopped: {error}")
        raise typer.Exit(code=1) from None
