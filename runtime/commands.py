"""`culturepark models …` and `culturepark doctor`."""

from typing import Annotated

import typer

from culturepark.runtime.console import JsonFlag, print_json, print_table, say

models_app = typer.Typer(help="The built-in models, and adapters trained on them.", no_args_is_help=True)


@models_app.command("list")
def list_models(*, as_json: JsonFlag = False) -> None:
    """List the built-in models and embedders, and the adapters of runs here and of the cache."""
    from culturepark.runtime.models.adapters import WEIGHTS, adapter_sha256, known_adapters
    from culturepark.runtime.models.weights import cached, weights_table

    rows: list[tuple[object, ...]] = [
        (
            name,
            "embedder" if entry.kind == "folder" else "talks",
            None if entry.bytes is None else round(entry.bytes / 1e6),
            "yes" if cached(name) else "no",
            entry.licence,
            entry.use,
        )
        for name, entry in weights_table().items()
    ]
    for name, folder, adapter in known_adapters():
        for_what = f"{', '.join(adapter.cultures)}; sha256 {adapter_sha256(folder)[:12]}"
        size = round((folder / WEIGHTS).stat().st_size / 1e6, 1)
        rows.append((f"{adapter.base}+{name}", "adapter", size, "yes", None, for_what))
    columns = ("model", "kind", "MB", "fetched", "licence", "for")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    print_table(columns, rows)


@models_app.command("fetch")
def fetch_model(
    name: Annotated[str, typer.Argument(help="A name from `models list`.")], *, as_json: JsonFlag = False
) -> None:
    """Fetch and verify a built-in model's weights ahead of time."""
    from culturepark.runtime.models.weights import fetch

    path = str(fetch(name))
    if as_json:
        print_json({"model": name, "path": path})
        return
    say(path)


def doctor(*, as_json: JsonFlag = False) -> None:
    """Say what is installed, what would run, and how to get what is missing."""
    from culturepark.runtime.diagnosis import diagnose

    checks = diagnose()
    if as_json:
        print_json([check.model_dump() for check in checks])
        return
    print_table(("check", "state", "found", "way out"), [(c.name, c.state, c.found, c.way_out) for c in checks])
