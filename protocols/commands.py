"""`culturepark protocols …`."""

from typing import Annotated

import typer

from culturepark.runtime.console import JsonFlag, print_json, print_table, say

protocols_app = typer.Typer(help="Who speaks next, and what the moderator whispers.", no_args_is_help=True)


@protocols_app.command("list")
def list_protocols(*, as_json: JsonFlag = False) -> None:
    """List the protocols with their arguments."""
    import inspect

    from culturepark.protocols import PROTOCOLS

    rows = [
        (
            name,
            ", ".join(f"{key}={value.default}" for key, value in inspect.signature(factory).parameters.items()),
            (inspect.getdoc(factory) or "").splitlines()[0],
        )
        for name, factory in sorted(PROTOCOLS.items())
    ]
    if as_json:
        print_json([dict(zip(("name", "arguments", "what"), row, strict=True)) for row in rows])
        return
    print_table(("protocol", "arguments", "what"), rows)


@protocols_app.command("show")
def show_protocol(
    name: Annotated[str, typer.Argument(help="A name from `protocols list`, or ./file.py:Class.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Show a protocol's description and source, to read or to start your own from."""
    import inspect
    from pathlib import Path

    from culturepark.protocols import load_protocol

    loaded = load_protocol(name)
    kind = type(loaded.protocol)
    source = Path(inspect.getfile(kind)).read_text(encoding="utf-8")
    if as_json:
        print_json({"name": name, "sha256": loaded.sha256, "what": inspect.getdoc(kind), "source": source})
        return
    say(source)
