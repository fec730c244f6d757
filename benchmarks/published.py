"""Data sets in the layouts that their authors publish: entries of a registry, and their rows as items of a suite."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, Self, TypeVar

from pydantic import model_validator

from culturepark.benchmarks.sources import Cells, Hub, Unwrap
from culturepark.runtime.errors import CultureParkError, did_you_mean
from culturepark.runtime.hashing import sha256
from culturepark.runtime.record import Record

LayoutName = Literal["hatecheck", "stereoset", "crows_pairs", "gsm8k", "bbh"]
Fault = Literal["empty_text", "empty_label", "duplicate", "no_such_option"]


class Source(Record):
    """Where rows are: a file or folder where it is there, and else the hub."""

    local: str | None = None
    """JSON, JSONL or CSV, or a folder of such files; in the folder of data, or beside a registry of a user's."""
    hub: Hub | None = None
    tasks: tuple[str, ...] = ()
    """Configurations of the hub's set that are read one after the other, each as a task."""

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.local is None and self.hub is None:
            raise ValueError("write `local` (a file or folder), `hub` (an id), or both")
        return self


class PublishedSet(Source):
    """One entry of a registry."""

    layout: LayoutName
    culture: str = "english"
    language: str = "en"
    """BCP 47."""
    source: str
    licence: str
    examples: Source | None = None
    """Worked examples that are shown before questions; without it they are taken out of the set itself."""
    columns: dict[str, str] = {}
    """From a column of the layout to what the file calls it, where the two differ."""
    labels: dict[str, str] = {}
    """From the file's labels to those of the layout, where the two differ."""
    drop: tuple[Fault, ...] = ()
    """Rows with these faults are left out and counted; otherwise such a row stops the set."""
    known: str = ""
    """What is known to be wrong with it."""


class Item(Record):
    """What is asked about, of whatever layout."""

    id: str
    """Hash of its texts, so that it is the same wherever it stands."""
    groups: tuple[tuple[str, str], ...]
    """Sub-categories it counts to, as kind and name; by the first a small limit is shared out."""
    cluster: str
    """Items of one template or target term share it; the id where there is none."""
    texts: tuple[str, ...]
    """Those that must not have been trained on; two items with the same ones are duplicates."""


T = TypeVar("T", bound=Item)


class Faulty(Exception):  # noqa: N818  (no error by itself: `drop` decides)
    """A row that cannot be measured with."""

    def __init__(self, fault: Fault, column: str, what: str) -> None:
        """`what` says in words what is wrong with it."""
        super().__init__(what)
        self.fault: Fault = fault
        self.column = column


class Row:
    """One row, under the layout's names of columns and labels."""

    def __init__(self, cells: Cells, entry: "Entry", *, place: str, task: str) -> None:
        """`place` names file and row."""
        self._cells, self._entry = cells, entry
        self.place = place
        self.task = str(cells.get("task") or task)
        """What the file, the configuration of the hub, or the row itself says it belongs to."""

    def has(self, column: str) -> bool:
        """Whether there is such a column."""
        return self._named(column) in self._cells

    def cell(self, column: str) -> Any:
        """What the row holds.

        Raises:
            CultureParkError: When the column is missing.
        """
        name = self._named(column)
        if name not in self._cells:
            there = ", ".join(sorted(map(str, self._cells)))
            raise CultureParkError(
                f"{self.place}: no column {name!r}{did_you_mean(name, map(str, self._cells))}; it has: {there}; "
                f"write it into `columns` of {self._entry.name} in {self._entry.place}"
            )
        return self._cells[name]

    def text(self, column: str) -> str:
        """A text, without spaces around it.

        Raises:
            Faulty: When it is empty.
        """
        value = self.cell(column)
        if not (text := "" if value is None else str(value).strip()):
            raise Faulty("empty_text", self._named(column), "the text is empty")
        return text

    def optional(self, column: str) -> str:
        """A text that may be missing or empty."""
        return str(self.cell(column) or "").strip() if self.has(column) else ""

    def label(self, column: str, known: Sequence[str]) -> str:
        """One of the layout's labels.

        Raises:
            Faulty: When it is empty.
            CultureParkError: When it is none of them.
        """
        return self.known_label(column, self.cell(column), known)

    def known_label(self, column: str, value: Any, known: Sequence[str]) -> str:
        """The layout's label for a value, wherever in the column it stands. Errors as in `label`."""
        if not (said := "" if value is None else str(value).strip()):
            raise Faulty("empty_label", self._named(column), "the label is empty")
        label = self._entry.data.labels.get(said, said)
        if label not in known:
            raise CultureParkError(
                f"{self.place}, column {self._named(column)!r}: no label named {said!r}{did_you_mean(said, known)}; "
                f"map it to {' or '.join(known)} in `labels` of {self._entry.name} in {self._entry.place}"
            )
        return label

    def _named(self, column: str) -> str:
        return self._entry.data.columns.get(column, column)


class Layout(NamedTuple, Generic[T]):
    """How rows of a layout become items."""

    read: Callable[[Row], T]
    unwrap: Unwrap = list
    """From a JSON document to its rows."""
    classes: Callable[[T], str] | None = None
    """The label of an item, where a set with one label only measures nothing."""


class Entry(NamedTuple):
    """An entry with what is needed to find its files."""

    name: str
    data: PublishedSet
    place: str
    """Name of the registry, for errors."""
    folder: Path | None
    """That `local` is relative to; None where no folder of data is known."""
    shipped: bool

    def path(self, source: Source) -> Path | None:
        """The local file or folder, if it is there or there is nothing else."""
        if source.local is None or self.folder is None:
            return None
        path = self.folder / source.local
        return path if source.hub is None or path.exists() else None

    @property
    def where(self) -> str:
        """Its files, as errors name them."""
        path = self.path(self.data)
        return str(path) if path is not None or self.data.hub is None else self.data.hub.place

    @property
    def is_here(self) -> bool:
        """Whether a set is measured with unasked: files that are there, or any that a user's registry names."""
        path = self.path(self.data)
        return not self.shipped or (path is not None and path.exists())


def item_id(*texts: str) -> str:
    """The same texts have the same id, whatever their place in the file."""
    return sha256("\0".join(texts))[:16]
