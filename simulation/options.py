"""Options that several `transcripts` commands have."""

from typing import Annotated

import typer

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
