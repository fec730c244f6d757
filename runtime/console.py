"""What commands print: results on stdout, progress on stderr; rich on a terminal, plain when piped."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NoReturn

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def print_json(value: Any) -> None:
    """Write one JSON document to stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def print_json_lines(values: Iterable[Any]) -> None:
    """Write one JSON document to stdout, a list with each item on a line as it comes: none waits for all others."""
    before = "[\n"
    for value in values:
        sys.stdout.write(before + json.dumps(value, ensure_ascii=False, allow_nan=False))
        before = ",\n"
    sys.stdout.write("[]\n" if before == "[\n" else "\n]\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Print rows under headings: a rich table on a terminal, tab-separated lines, each as it comes, when piped.

    Cells are data: terminal escapes and rich markup in them are shown, never obeyed.
    """
    if not sys.stdout.isatty():
        sys.stdout.write("\t".join(columns) + "\n")
        sys.stdout.writelines(map(_separated, rows))
        return
    from rich.console import Console  # noqa: PLC0415  (slow to import, and only a terminal needs it)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    rows = list(rows)
    table = Table(title=title or None, title_justify="left")
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    Console().print(table)


def _separated(row: Sequence[object]) -> str:
    # Almost no cell needs a second look, and a list of a hundred thousand talks has a million.
    cells = [cell if isinstance(cell, str) else plain(cell) for cell in row]
    return "\t".join(cells if "".join(cells).isprintable() else map(plain, cells)) + "\n"


def say(text: str) -> None:
    """Write one line of result to stdout, with control characters made visible."""
    sys.stdout.write(plain(text, keep_newlines=True) + "\n")


def note(text: str) -> None:
    """Write one line about the work itself to stderr."""
    sys.stderr.write(plain(text, keep_newlines=True) + "\n")


def silent(_: str) -> None:
    """Say nothing: `note` for Python callers."""


def plain(value: object, *, keep_newlines: bool = False) -> str:
    """Turn a cell into text in which no control character can act on the terminal."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".") or "0"
    text = str(value)
    if text.isprintable():
        return text
    kept = "\n" if keep_newlines else ""
    return "".join(
        char if char in kept or not _acts(char) else " " if char in "\n\t\r" else f"\\x{ord(char):02x}" for char in text
    )


def _acts(char: str) -> bool:
    """C0 and C1 controls, and the marks that reorder text around them."""
    code = ord(char)
    return code < 0x20 or 0x7F <= code < 0xA0 or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069


def fail(message: str) -> NoReturn:
    """End the command with one clear line and exit code 2: the user's mistake, nothing lost."""
    note(f"error: {message}")
    raise typer.Exit(code=2)
