"""`culturepark models card|merge|push`: what can be done with a trained adapter."""

from pathlib import Path
from typing import Annotated

import typer

from culturepark.runtime.commands import models_app
from culturepark.runtime.console import JsonFlag, note, print_json, print_table, say

AdapterName = Annotated[str, typer.Argument(help="A name from `models list`, or an adapter's folder.")]


@models_app.command("card")
def show_card(adapter: AdapterName, *, as_json: JsonFlag = False) -> None:
    """Print an adapter's model card: base, data, settings, losses, limits."""
    from culturepark.runtime.models.adapters import find_adapter
    from culturepark.runtime.record import read_text
    from culturepark.training.model_card import CARD

    found = find_adapter(adapter)
    if as_json:
        print_json({"name": found.name, "folder": str(found.folder), **found.adapter.model_dump(mode="json")})
        return
    say(read_text(found.folder / CARD).rstrip("\n"))


@models_app.command("merge")
def merge(
    adapter: AdapterName,
    *,
    out: Annotated[Path, typer.Option(help="New folder for the merged model.")],
    base: Annotated[
        str | None, typer.Option(help="Folder of the base, where its name alone does not lead to it.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write base plus adapter as one transformers folder."""
    from culturepark.runtime.models.adapters import find_adapter
    from culturepark.training.merging import merge_adapter

    path = str(merge_adapter(find_adapter(adapter).folder, out, base=base))
    if as_json:
        print_json({"adapter": adapter, "path": path})
        return
    say(path)


@models_app.command("push")
def push(
    adapter: AdapterName,
    repository: Annotated[str, typer.Argument(help="Of the hub: OWNER/NAME.")],
    *,
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public; private otherwise.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be sent; send nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Send an adapter to the Hugging Face hub, after asking."""
    from culturepark.runtime.models.adapters import find_adapter
    from culturepark.training.publishing import published_files, push_adapter

    folder = find_adapter(adapter).folder
    files = published_files(folder)
    listing = {"adapter": adapter, "repository": repository, "files": [file._asdict() for file in files]}
    if dry_run:
        if as_json:
            print_json({**listing, "sent": False})
        else:
            print_table(("file", "bytes"), files)
        return
    if not yes:
        total = sum(file.bytes for file in files)
        note(f"{len(files)} files, {total / 1e6:.1f} MB, to {repository}: {', '.join(file.name for file in files)}")
        typer.confirm("Send them?", abort=True, err=True)
    address = push_adapter(folder, repository, private=not public)
    if as_json:
        print_json({**listing, "sent": True, "commit": address})
        return
    say(address)
