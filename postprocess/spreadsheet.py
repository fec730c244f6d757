"""CSV that a spreadsheet program opens as text: no cell of it is taken for a formula.

A cell that a program could execute is written with an apostrophe before it, which `unescaped` takes away again.
UTF-8 with a byte order mark, since Excel takes a file without one for the machine's old code page.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from culturepark.runtime.errors import CultureParkError

FORMULA: Final = frozenset("=+-@＝＋－＠")
"""What a formula begins with; the full-width forms count in Chinese, Japanese and Korean versions."""
CONTROLS: Final = frozenset("\t\r\n\0")
"""Skipped, or taken for the end of a cell, by some program before it looks for a formula."""
MARK: Final = "'"
ENCODING: Final = "utf-8-sig"


def escaped(text: str) -> str:
    """Write a cell so that it is shown, not executed; other text is left as it is."""
    return MARK + text if _is_risky(text) else text


def unescaped(cell: str) -> str:
    """Undo `escaped`, exactly."""
    return cell[1:] if cell.startswith(MARK) and _is_risky(cell) else cell


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows under headings; texts are escaped, numbers are ours and stand as they are.

    Every text stands in quotes, so that a program that cuts at semicolons cannot cut one open either. Truth values
    are `true` and `false`, None is an empty cell.
    """
    with path.open("w", encoding=ENCODING, newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(row.get(column)) for column in columns])


def read_csv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV as it comes back from a spreadsheet program: cut at commas, semicolons or tabs, escapes undone.

    The n-th row stands on line n + 2 of the sheet, counted from 0.

    Raises:
        CultureParkError: When the file is missing, no UTF-8, or lacks a column.
    """
    try:
        text = path.read_bytes().decode(ENCODING)
    except FileNotFoundError:
        raise CultureParkError(f"{path}: there is no such file") from None
    except OSError as error:
        raise CultureParkError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise CultureParkError(f"{path}: is no UTF-8 text; save it as `CSV UTF-8` and import that") from None
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise CultureParkError(f"{path}: is no CSV ({error}); save it as `CSV UTF-8` and import that") from None
    head = [unescaped(cell).strip() for cell in rows[0]] if rows else []
    for column in columns:
        if column not in head:
            found = ", ".join(name for name in head if name) or "none"
            raise CultureParkError(f"{path}: no column {column!r}; expected {', '.join(columns)}, found {found}")
    return [dict(zip(head, (unescaped(cell) for cell in row), strict=False)) for row in rows[1:]]


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return escaped(value) if isinstance(value, str) else value


def _is_risky(text: str) -> bool:
    """Whether a program might execute a text, or the text behind an apostrophe."""
    bare = text.lstrip(MARK)
    return bare[:1] in CONTROLS or next((char for char in bare if not _is_blank(char)), "") in FORMULA


def _is_blank(char: str) -> bool:
    """White space, and characters that are not seen: a program may skip them on its way to a formula."""
    return char.isspace() or unicodedata.category(char) == "Cf"
