"""Which sets a run measures with, which texts of them, and what keeps a set out."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from culturepark.benchmarks.contamination import trained_texts
from culturepark.benchmarks.data_sets import Entry, LabelledText, load_set, read_registry, read_user_registry
from culturepark.benchmarks.task import BenchSettings, NoDataError
from culturepark.personas.language import ENGLISH, serving
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import parse_yaml
from culturepark.training.filters import text_hash

LEAST_POSITIVES = 30
"""Of the rarest label: below it a set is flagged, for one text moves its scores by percents."""
LEAST_A_CLASS = 2


class ChosenSet(NamedTuple):
    """A set with the texts of it that are asked about."""

    name: str
    entry: Entry
    rows: tuple[LabelledText, ...]
    natural: tuple[int, ...]
    """Counts of its labels where the texts come from."""
    flags: tuple[str, ...]
    """What a reader should know of it, in short words."""


class Chosen(NamedTuple):
    """What is measured with, and what is not."""

    sets: tuple[ChosenSet, ...]
    problems: tuple[str, ...]
    """Sets that are not fit, each in one line."""
    notes: tuple[str, ...]


def choose_sets(settings: BenchSettings) -> Chosen:
    """Load the sets asked for, those that are on this machine if none is named.

    Raises:
        NoDataError: When there is nothing to measure with.
        CultureParkError: For an unknown set or culture.
    """
    entries = _entries(settings)
    settings.refuse_unknown(entries, suite="moderation")
    named = settings.sets or tuple(name for name, entry in entries.items() if _is_here(entry))
    named = tuple(name for name in named if settings.wants(entries[name].data.culture))
    if not named:
        folder = f"--data {settings.data} holds" if settings.data else "without --data there are"
        whose = f" of {', '.join(settings.cultures)}" if settings.cultures else ""
        raise NoDataError(
            f"moderation: {folder} none of the {len(entries)} sets{whose}; docs/bench.md says how to name "
            "the folder, or sets of your own"
        )
    trained = trained_texts(settings)
    sets: list[ChosenSet] = []
    problems: list[str] = []
    notes: list[str] = []
    for name in _by_turns(named, entries):
        try:
            found = _load(name, entries[name], trained, problems, notes)
        except CultureParkError as error:
            problems.append(f"{name}: {error}")
        else:
            sets.append(found)
    return Chosen(_limited(sets, settings.limit), tuple(problems), tuple(notes))


def label_words(label: str, language: str) -> str:
    """A label as it is shown, in English where it has no words in that language."""
    words = _labels().get(label)
    if words is None:
        return label.replace("_", " ")
    return words[serving(language, words) or ENGLISH]


def _entries(settings: BenchSettings) -> dict[str, Entry]:
    data = Path(settings.data) if settings.data else None
    if data is not None and not data.is_dir():
        raise CultureParkError(f"--data {settings.data!r}: there is no such folder")
    shipped = (files(__package__) / "registry.yaml").read_text(encoding="utf-8")
    entries = read_registry(shipped, place="moderation/registry.yaml", folder=data)
    for path in settings.registry:
        entries |= read_user_registry(Path(path), data=data)
    return entries


def _is_here(entry: Entry) -> bool:
    """Whether a set is measured with unasked: a file that is there, or any that a user's registry names."""
    own = entry.place != "moderation/registry.yaml"
    return own or (entry.path is not None and entry.path.is_file())


def _load(name: str, entry: Entry, trained: Collection[str], problems: list[str], notes: list[str]) -> ChosenSet:
    loaded = load_set(name, entry)
    rows = tuple(row for row in loaded.rows if text_hash(row.text) not in trained)
    if seen := len(loaded.rows) - len(rows):
        problems.append(f"{name}: {seen} of its texts were trained on and are left out; train without them")
    counts = {label: sum(row.label == label for row in rows) for label in entry.data.names}
    if sum(count > 0 for count in counts.values()) < 2:
        raise CultureParkError("no two labels are left that were not trained on; measure with another set")
    natural = entry.data.natural or {label: sum(row.label == label for row in loaded.rows) for label in counts}
    for fault, count in sorted(loaded.left_out.items()):
        notes.append(f"{name}: {count} rows left out ({fault})")
    if entry.data.known:
        notes.append(f"{name}: {entry.data.known}")
    looked_for = [entry.data.positive] if entry.data.positive else list(counts)
    rarest = min(counts[label] for label in looked_for)
    flags = (f"{rarest} positives",) if rarest < LEAST_POSITIVES else ()
    return ChosenSet(name, entry, rows, tuple(natural[label] for label in entry.data.names), flags)


def _by_turns(names: Sequence[str], entries: Mapping[str, Entry]) -> list[str]:
    """One set of each culture, then the second of each: a small limit still hears every culture."""
    turn: dict[str, int] = defaultdict(int)
    placed: list[tuple[int, str, str]] = []
    for name in names:
        culture = entries[name].data.culture
        placed.append((turn[culture], culture, name))
        turn[culture] += 1
    return [name for _, _, name in sorted(placed)]


def _limited(sets: Sequence[ChosenSet], limit: int | None) -> tuple[ChosenSet, ...]:
    """At most so many texts in all: sets share them evenly, labels within a set too."""
    if limit is None:
        return tuple(sets)
    kept: list[ChosenSet] = []
    left = limit
    least = [LEAST_A_CLASS * len(one.natural) for one in sets]
    for place, (one, need) in enumerate(zip(sets, least, strict=True)):
        waiting = sum(1 for other in least[place:] if other <= left) or 1
        rows = _balanced(one, max(min(need, left), left // waiting))
        if rows:
            kept.append(one._replace(rows=rows))
            left -= len(rows)
    return tuple(kept)


def _balanced(one: ChosenSet, most: int) -> tuple[LabelledText, ...]:
    """Texts by turns from each label, in an order that their hashes decide."""
    by_label = [
        sorted((row for row in one.rows if row.label == label), key=lambda row: row.id)
        for label in one.entry.data.names
    ]
    turns = [(turn, place, row) for place, rows in enumerate(by_label) for turn, row in enumerate(rows)]
    return tuple(row for _, _, row in sorted(turns, key=lambda one: one[:2])[:most])


@lru_cache(maxsize=1)
def _labels() -> Mapping[str, Mapping[str, str]]:
    text = (files(__package__) / "labels.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, str]] = parse_yaml(text, place="moderation/labels.yaml")
    return found
