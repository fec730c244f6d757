"""File formats of exported samples. Each writes whole files into an empty folder; nothing else is there yet."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

from culturepark.postprocess.columns import COLUMNS, Kind
from culturepark.postprocess.spreadsheet import write_csv

Row = Mapping[str, Any]
"""A sample as `sample_row` makes it."""
SHARD_ROWS: Final = 50_000
CARD: Final = "README.md"
USE: Final = "SAMPLES-USE.md"
SHAREGPT_ROLES: Final = {"system": "system", "user": "human", "assistant": "gpt"}


class Format(NamedTuple):
    """One way to write samples."""

    write: Callable[[Sequence[Row], Path, str], None]
    """Takes the rows, the empty folder, and the name of what is exported."""
    what: str
    folder: bool = False
    """Whether the export is a folder, not a file."""


def sidecar_name(name: str) -> str:
    """File beside a chat file that holds, line by line, what its rows have no place for."""
    return f"{Path(name).stem}.meta.jsonl"


def _openai(rows: Sequence[Row], folder: Path, name: str) -> None:
    """One `{"messages": […]}` a line, and nothing else: hosted fine-tuning refuses further fields."""
    _write_lines(folder / name, ({"messages": row["messages"]} for row in rows))
    _write_lines(folder / sidecar_name(name), (_without_messages(row) for row in rows))


def _sharegpt(rows: Sequence[Row], folder: Path, name: str) -> None:
    """One `{"conversations": [{"from", "value"}]}` a line, the row's other columns beside it."""
    _write_lines(
        folder / name,
        (
            {
                "conversations": [
                    {"from": SHAREGPT_ROLES[message["role"]], "value": message["content"]}
                    for message in row["messages"]
                ],
                **_without_messages(row),
            }
            for row in rows
        ),
    )


def _csv(rows: Sequence[Row], folder: Path, name: str) -> None:
    """A sheet for people: lists are joined, the chat row is `system` and `user` (its answer is `text`)."""
    columns = [column.name for column in COLUMNS if column.kind != "messages"]
    flat = (
        {
            **row,
            "opinions": " ".join(row["opinions"]),
            **{message["role"]: message["content"] for message in row["messages"]},
        }
        for row in rows
    )
    write_csv(folder / name, [*columns, "system", "user"], flat)


def _parquet(rows: Sequence[Row], folder: Path, name: str) -> None:
    """One row a sample with its provenance."""
    _write_table(rows, folder / name)


def _hf(rows: Sequence[Row], folder: Path, name: str) -> None:
    """Parquet shards as the Hugging Face hub lays them out; the card is written by who knows the run."""
    shards = [rows[start : start + SHARD_ROWS] for start in range(0, len(rows), SHARD_ROWS)]
    (folder / "data").mkdir()
    for number, shard in enumerate(shards):
        _write_table(shard, folder / "data" / f"train-{number:05d}-of-{len(shards):05d}.parquet")
    use = (files(__package__) / "notices" / USE).read_text(encoding="utf-8")
    (folder / USE).write_text(use, encoding="utf-8")


FORMATS: Final[Mapping[str, Format]] = {
    "openai": Format(_openai, "chat JSONL for hosted fine-tuning, with NAME.meta.jsonl beside it"),
    "sharegpt": Format(_sharegpt, "JSONL of conversations with from and value"),
    "parquet": Format(_parquet, "one table"),
    "hf": Format(_hf, "a Hugging Face dataset folder with a card", folder=True),
    "csv": Format(_csv, "a sheet in which no cell is a formula"),
}


def _without_messages(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "messages"}


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSONL. Unicode's own line separators are escaped: to some readers they would end a row."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            text = json.dumps(row, ensure_ascii=False, allow_nan=False)
            for char in "\x85\u2028\u2029":
                text = text.replace(char, f"\\u{ord(char):04x}")
            file.write(text + "\n")


def _write_table(rows: Sequence[Row], path: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415  (slow to import, and only two formats need it)
    import pyarrow.parquet as pq  # noqa: PLC0415

    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    types: dict[Kind, Any] = {
        "text": pa.string(),
        "whole": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
        "texts": pa.list_(pa.string()),
        "messages": pa.list_(message),
    }
    # Spelled out: a column without a single value would else have no type, and not fit to another shard's.
    schema = pa.schema([(column.name, types[column.kind]) for column in COLUMNS])
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
