"""`culturepark studio`: the web pages."""

from pathlib import Path
from typing import Annotated

import typer

from culturepark.runtime.console import note, say


def studio(
    run_or_folder: Annotated[Path, typer.Argument(help="A run's folder, or a folder of runs.")] = Path("runs"),
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than loopback ask for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
) -> None:
    """Look at runs in the browser: talks, forks, opinions, results. Reading changes nothing."""
    from culturepark.studio.folder import open_folder

    folder = open_folder(run_or_folder)
    try:
        from culturepark.studio.server import serve
    except ModuleNotFoundError as error:
        from culturepark.runtime.errors import CultureParkError

        if error.name not in {"nicegui", "plotly", "fastapi"}:
            raise
        raise CultureParkError(f"the studio needs {error.name}: `pip install 'culturepark[studio]'`") from None

    def ready(address: str) -> None:
        say(address)
        note("Ctrl-C ends it")
        if not no_browser:
            import webbrowser

            webbrowser.open(address)

    serve(folder, host=host, port=port, ready=ready)
