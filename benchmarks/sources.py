"""Rows of a data set as its authors publish them: JSONL, CSV or JSON on this machine, or a set of the hub."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count as numbers
from pathlib import Path
from typing import Any

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record, not_json

Cells = Mapping[str, Any]
"""What a row holds, by column."""
Numbered = tuple[int, Cells]
"""A row with its place: the line of a JSONL file, and else the number of the row; the header of a CSV file is row 1."""
Unwrap = Callable[[Any], Iterable[Cells]]
"""From a JSON document to its rows; `KeyError`, `TypeError` or `AttributeError` say that it is laid out otherwise."""


class Hub(Record):
    """A data set on the Hugging Face hub."""

    id: str
    name: str | None = None
    """Of its configuration."""
    split: str = "test"
    revision: str | None = None
    """Branch or commit; `refs/convert/parquet` where the main branch holds a loading script, which is never run."""

    @property
    def place(self) -> str:
        """As errors name it."""
        return f"hub {self.id}{f' ({self.name})' if self.name else ''}"


def local_rows(path: Path, *, unwrap: Unwrap | None = None) -> Iterator[Numbered]:
    """Read the rows of a file; `.json` needs to be told how its rows are wrapped, and is a list of rows by default.

    Raises:
        CultureParkError: Names the file and the line that cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix == ".csv":
                # Lines are counted by rows: a quoted cell may hold line breaks.
                yield from zip(numbers(2), csv.DictReader(file), strict=False)
            elif path.suffix == ".json":
                yield from enumerate(_document(file.read(), str(path), unwrap or list), start=1)
            else:
                yield from _jsonl(file, str(path))
    except FileNotFoundError:
        raise CultureParkError(f"{path}: there is no such file; put it there, or name another --data") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CultureParkError(f"{path}: cannot be read ({error}); save it as UTF-8") from None


def hub_rows(hub: Hub) -> Iterator[Numbered]:
    """Load the rows of a set of the hub, labels by their names.

    Raises:
        CultureParkError: When the set cannot be loaded.
    """
    try:
        from datasets import load_dataset  # noqa: PLC0415  (slow to import, and of the extra `train`)
    except ImportError:
        raise CultureParkError(f"{hub.place}: needs `pip install culturepark[train]`") from None
    from culturepark.training.quiet import quiet_frameworks  # noqa: PLC0415

    with quiet_frameworks():
        try:
            found: Sequence[Cells] = load_dataset(hub.id, hub.name, split=hub.split, revision=hub.revision)
        except Exception as error:  # the package raises whatever its many file systems raise
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CultureParkError(
                f"{hub.place}, split {hub.split!r}: cannot be loaded ({reason}); check the id, or use `local`"
            ) from None
        features = getattr(found, "features", {})
        for number, row in enumerate(found, start=1):
            yield number, {column: _worded(value, features.get(column)) for column, value in row.items()}


def _worded(value: Any, feature: Any) -> Any:
    """A cell with the names of its labels instead of their numbers, however deep they lie."""
    if value is None:
        return None
    if hasattr(feature, "int2str"):
        return feature.int2str(value)
    if isinstance(value, list):
        inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", None)
        return [_worded(one, inner) for one in value]
    if isinstance(value, dict):
        # A sequence of objects comes as an object of lists, so the feature of each column is that of its lists.
        inner = feature if isinstance(feature, dict) else getattr(feature, "feature", None) or {}
        return {name: _worded(one, inner.get(name)) for name, one in value.items()}
    return value


def _document(text: str, place: str, unwrap: Unwrap) -> list[Cells]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CultureParkError(f"{place}:{getattr(error, 'lineno', 1)}: {not_json(error)}; mend that line") from None
    try:
        rows = list(unwrap(document))
    except KeyError as error:
        raise CultureParkError(f"{place}: holds no {error}; check that it is the file that `layout` names") from None
    except (TypeError, AttributeError, ValueError):
        rows = []
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        raise CultureParkError(f"{place}: holds no rows as objects; check that it is the file that `layout` names")
    return rows


def _jsonl(lines: Iterable[str], place: str) -> Iterator[Numbered]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CultureParkError(f"{place}:{number}: {not_json(error)}; mend that line") from None
        if not isinstance(row, dict):
            raise CultureParkError(f"{place}:{number}: expected an object with columns, found {type(row).__name__}")
        yield number, row
