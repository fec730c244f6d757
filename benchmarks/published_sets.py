"""Which published sets a suite measures with, which items of them, and what keeps a set out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple

from culturepark.benchmarks.contamination import trained_texts, was_trained_on
from culturepark.benchmarks.published import Entry, Faulty, Layout, PublishedSet, Row, Source, T
from culturepark.benchmarks.sources import Numbered, hub_rows, local_rows
from culturepark.benchmarks.task import BenchSettings, NoDataError
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import build, parse_yaml, read_yaml
from culturepark.training.filters import text_hash

REGISTRY: Final = "registry.yaml"
SUFFIXES: Final = frozenset({".json", ".jsonl", ".csv"})


class ChosenSet(NamedTuple, Generic[T]):
    """A set with the items of it that are asked about."""

    name: str
    data: PublishedSet
    items: tuple[T, ...]
    examples: tuple[T, ...]
    """May be shown before questions; none of them is asked about."""


class Chosen(NamedTuple, Generic[T]):
    """What is measured with, and what is not."""

    sets: tuple[ChosenSet[T], ...]
    problems: tuple[str, ...]
    """Sets that are not fit, each in one line."""
    notes: tuple[str, ...]


def choose_sets(
    settings: BenchSettings,
    package: str,
    layouts: Mapping[str, Layout[T]],
    *,
    shots: int = 0,
    of_cultures: bool = True,
) -> Chosen[T]:
    """Load the sets asked for, those that are on this machine if none is named.

    Args:
        settings: Of the run.
        package: Of the suite, which holds its registry.
        layouts: Of the suite.
        shots: Most worked examples that are shown before a question, of each task.
        of_cultures: Whether the cultures of `settings` choose among the sets; for sets of no culture they do not.

    Raises:
        NoDataError: When there is nothing to measure with.
        CultureParkError: For an unknown set or culture.
    """
    suite = package.rpartition(".")[2]
    entries = _entries(settings, package, layouts)
    settings.refuse_unknown(entries, suite=suite)
    named = settings.sets or tuple(name for name, entry in entries.items() if entry.is_here)
    named = tuple(name for name in named if not of_cultures or settings.wants(entries[name].data.culture))
    if not named:
        folder = f"--data {settings.data} holds" if settings.data else "without --data there are"
        whose = f" of {', '.join(settings.cultures)}" if settings.cultures and of_cultures else ""
        raise NoDataError(
            f"{suite}: {folder} none of the {len(entries)} sets{whose}; docs/harm.md says where each file goes, and "
            f"--set loads one from the hub: {', '.join(sorted(entries))}"
        )
    trained = trained_texts(settings)
    sets: list[ChosenSet[T]] = []
    problems: list[str] = []
    notes: list[str] = []
    for name in named:
        try:
            found = _load(entries[name], layouts[entries[name].data.layout], shots, notes)
            sets.append(_untrained(found, trained, problems))
        except CultureParkError as error:
            problems.append(f"{name}: {error}")
    return Chosen(_limited(sets, settings.limit), tuple(problems), tuple(notes))


def _entries(settings: BenchSettings, package: str, layouts: Mapping[str, Layout[T]]) -> dict[str, Entry]:
    data = Path(settings.data) if settings.data else None
    if data is not None and not data.is_dir():
        raise CultureParkError(f"--data {settings.data!r}: there is no such folder")
    shipped = (files(package) / REGISTRY).read_text(encoding="utf-8")
    place = f"{package.rpartition('.')[2]}/{REGISTRY}"
    entries = {one.name: one for one in _read(parse_yaml(shipped, place=place), place, data, shipped=True)}
    for path in map(Path, settings.registry):
        for one in _read(read_yaml(path), str(path), data or path.parent, shipped=False):
            if one.data.layout in layouts:  # the others are another suite's
                entries[one.name] = one
    return entries


def _read(document: Any, place: str, folder: Path | None, *, shipped: bool) -> Iterator[Entry]:
    if not isinstance(document, Mapping):
        raise CultureParkError(f"{place}: expected data sets by name, found {type(document).__name__}")
    for name, entry in document.items():
        if isinstance(entry, Mapping) and "layout" in entry:  # an entry without is one of labelled texts
            yield Entry(str(name), build(PublishedSet, entry, place=f"{place}, {name}"), place, folder, shipped)


def _load(entry: Entry, layout: Layout[T], shots: int, notes: list[str]) -> ChosenSet[T]:
    items, left_out = _items(entry, entry.data, layout)
    if layout.classes is not None and len(classes := {layout.classes(item) for item in items}) < 2:
        raise CultureParkError(
            f"{entry.where}: only rows labelled {classes.pop()!r}, so nothing can be told apart; give {entry.name} a "
            "file with both labels"
        )
    for fault, count in sorted(left_out.items()):
        notes.append(f"{entry.name}: {count} rows left out ({fault})")
    if entry.data.known:
        notes.append(f"{entry.name}: {entry.data.known}")
    if not shots:
        return ChosenSet(entry.name, entry.data, items, ())
    if entry.data.examples is None:
        # A task keeps at least one question to ask.
        shown = tuple(item for mine in _by_group(items).values() for item in mine[: min(shots, len(mine) - 1)])
        return ChosenSet(entry.name, entry.data, tuple(item for item in items if item not in shown), shown)
    there = {text_hash(text) for item in items for text in item.texts}
    found, _ = _items(entry, entry.data.examples, layout)
    apart = [item for item in found if not {text_hash(text) for text in item.texts} & there]
    shown = tuple(item for mine in _by_group(apart).values() for item in mine[:shots])
    return ChosenSet(entry.name, entry.data, items, shown)


def _items(entry: Entry, source: Source, layout: Layout[T]) -> tuple[tuple[T, ...], dict[str, int]]:
    """Rows of a source as items, and how many were left out."""
    items: list[T] = []
    left_out: Counter[str] = Counter()
    seen: dict[str, str] = {}
    for place, task, rows in _sources(entry, source, layout):
        for number, cells in rows:
            row = Row(cells, entry, place=f"{place}{', row ' if place.endswith('.json') else ':'}{number}", task=task)
            try:
                item = _read_row(row, layout, seen)
            except Faulty as fault:
                if fault.fault not in entry.data.drop:
                    column = f", column {fault.column!r}" if fault.column else ""
                    raise CultureParkError(
                        f"{row.place}{column}: {fault}; mend the file, or add {fault.fault} to `drop` of "
                        f"{entry.name} in {entry.place}"
                    ) from None
                left_out[fault.fault] += 1
                continue
            seen[item.id] = row.place
            items.append(item)
    if not items:
        raise CultureParkError(
            f"{entry.where}: no row to measure with; give {entry.name} another file, or another `split`"
        )
    return tuple(items), dict(left_out)


def _read_row(row: Row, layout: Layout[T], seen: Mapping[str, str]) -> T:
    item = layout.read(row)
    if (before := seen.get(item.id)) is not None:
        raise Faulty("duplicate", "", f"the same as {before}")
    return item


def _sources(entry: Entry, source: Source, layout: Layout[T]) -> Iterator[tuple[str, str, Iterable[Numbered]]]:
    """Place, task and rows of each file, or of each configuration of the hub's set."""
    path = entry.path(source)
    if path is not None:
        paths = [path]
        if path.is_dir():
            paths = sorted(one for one in path.iterdir() if one.suffix in SUFFIXES)
            if not paths:
                raise CultureParkError(f"{path}: holds no .json, .jsonl or .csv file; put the set's files there")
        for one in paths:
            yield str(one), one.stem, local_rows(one, unwrap=layout.unwrap)
    elif source.hub is not None:
        for name in source.tasks or (source.hub.name,):
            hub = source.hub.model_copy(update={"name": name})
            yield hub.place, name or "", hub_rows(hub)
    else:
        raise CultureParkError(f"{source.local} is a file of the folder of --data; name that folder")


def _untrained(found: ChosenSet[T], trained: frozenset[str], problems: list[str]) -> ChosenSet[T]:
    items = tuple(item for item in found.items if not any(was_trained_on(text, trained) for text in item.texts))
    if not items:
        raise CultureParkError("all of its items were trained on; measure with another set")
    if seen := len(found.items) - len(items):
        problems.append(f"{found.name}: {seen} of its items were trained on and are left out; train without them")
    return found._replace(items=items)


def _limited(sets: Sequence[ChosenSet[T]], limit: int | None) -> tuple[ChosenSet[T], ...]:
    """At most so many items in all, by turns from each set, and within a set from each of its first sub-categories."""
    if limit is None:
        return tuple(sets)
    order = [(turn, place) for place, one in enumerate(sets) for turn in range(len(one.items))]
    kept = Counter(place for _, place in sorted(order)[:limit])
    return tuple(
        one._replace(items=tuple(by_turns(list(_by_group(one.items).values()))[: kept[place]]))
        for place, one in enumerate(sets)
        if kept[place]
    )


def by_turns(groups: Sequence[Sequence[T]]) -> list[T]:
    """The first of each group, then the second of each, to the end."""
    placed = [(turn, place, item) for place, group in enumerate(groups) for turn, item in enumerate(group)]
    return [item for _, _, item in sorted(placed, key=lambda one: one[:2])]


def _by_group(items: Iterable[T]) -> dict[str, list[T]]:
    """Items by their first sub-category, both in an order that does not depend on the file's."""
    groups: dict[str, list[T]] = defaultdict(list)
    for item in sorted(items, key=lambda one: one.id):
        groups[item.groups[0][1]].append(item)
    return {name: groups[name] for name in sorted(groups)}
