"""Lessons in files: JSON lines, or one CSV row an answer. What was withdrawn is left out wherever it stands."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from culturepark.benchmarks.education.lesson import Guess, Lesson
from culturepark.postprocess.spreadsheet import read_csv, write_csv
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import build, not_json, read_text
from culturepark.runtime.whole_file import whole_file

FACTS: Final = (
    "schema_version", "id", "consent", "adult", "survey", "culture", "country", "arm", "order", "status", "exchanges",
)  # fmt: skip
COLUMNS: Final = (*FACTS, "withdrawn", "part", "item", "share", "spread", "shares", "rating")
"""Of a CSV: the lesson's facts, then one answer. `part` is before, after or sheet."""
PARTS: Final = ("before", "after", "sheet")
NUMBERS: Final = ("schema_version", "exchanges")


class LessonsRead(NamedTuple):
    """What files hold."""

    lessons: list[Lesson]
    """Sorted by id."""
    withdrawn: int
    """Lessons that a row of these files marks as withdrawn; nothing else is known of them."""


class _Found(NamedTuple):
    place: str
    fields: dict[str, Any]


def read_lessons(paths: Sequence[Path]) -> LessonsRead:
    """Read lessons of one or more files.

    A row with `withdrawn` true needs nothing but the lesson's id, and takes it out of all the files.

    Raises:
        CultureParkError: Names the file, the line and what is wrong there, or two files that hold the same lesson.
    """
    found = [one for path in paths for one in (_csv(path) if path.suffix == ".csv" else _jsonl(path))]
    withdrawn = {str(one.fields.get("id")) for one in found if one.fields.get("withdrawn")}
    lessons: dict[str, tuple[str, Lesson]] = {}
    for place, fields in found:
        if str(fields.get("id")) in withdrawn:
            continue
        fields.pop("withdrawn", None)
        lesson = build(Lesson, fields, place=place)
        before = lessons.setdefault(lesson.id, (place, lesson))
        if before[0] != place:
            raise CultureParkError(f"{place}: lesson {lesson.id} stands in {before[0]} already; give each file once")
    return LessonsRead([lessons[name][1] for name in sorted(lessons)], len(withdrawn))


def write_lessons(lessons: Iterable[Lesson], path: Path) -> None:
    """Write lessons, sorted by id: a CSV if the file is called so, else JSON lines.

    Raises:
        CultureParkError: When the file cannot be written.
    """
    ordered = sorted(lessons, key=lambda lesson: lesson.id)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            if path.suffix == ".csv":
                write_csv(partial, COLUMNS, (row for lesson in ordered for row in _rows(lesson)))
            else:
                partial.write_text("".join(lesson.model_dump_json() + "\n" for lesson in ordered), encoding="utf-8")
    except OSError as error:
        raise CultureParkError(f"{path}: cannot be written ({error.strerror}); choose another file") from None


def _jsonl(path: Path) -> Iterator[_Found]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CultureParkError(f"{path}:{number}: {not_json(error)}; a lesson stands on one line") from None
        if not isinstance(fields, dict):
            raise CultureParkError(f"{path}:{number}: expected a lesson, found {type(fields).__name__}")
        yield _Found(f"{path}:{number}", fields)


def _csv(path: Path) -> Iterator[_Found]:
    lessons: dict[str, _Found] = {}
    for line, row in enumerate(read_csv(path, ("id",)), start=2):
        cells = {name: text.strip() for name, text in row.items() if text.strip()}
        if "id" not in cells:
            continue
        place = f"{path}:{line}"
        if cells.get("withdrawn", "false").lower() in {"true", "yes", "1"}:
            lessons[cells["id"]] = _Found(place, {"id": cells["id"], "withdrawn": True})
            continue
        facts: dict[str, Any] = {name: _fact(name, cells[name]) for name in FACTS if name in cells}
        fresh: dict[str, Any] = {"before": [], "after": [], "sheet": {}}
        home = lessons.setdefault(cells["id"], _Found(place, fresh | facts))
        if home.fields.get("withdrawn"):
            continue
        if other := [name for name in FACTS if home.fields.get(name) != facts.get(name)]:
            raise CultureParkError(
                f"{place}: {other[0]} = {cells.get(other[0])!r} of lesson {cells['id']} differs from {home.place}"
            )
        _add(home.fields, cells, place=place)
    yield from lessons.values()


def _fact(name: str, text: str) -> object:
    if name == "adult":
        return text.lower() == "true"
    if name in NUMBERS and text.isdecimal():
        with contextlib.suppress(ValueError):  # of thousands of digits; the record says what is wrong
            return int(text)
    return text


def _add(lesson: dict[str, Any], cells: Mapping[str, str], *, place: str) -> None:
    """Put one row's answer into its lesson."""
    part, item = cells.get("part", ""), cells.get("item", "")
    if part not in PARTS or not item:
        raise CultureParkError(f"{place}: part = {part!r}, item = {item!r}; write {', '.join(PARTS)} and what it is of")
    if part == "sheet":
        if item in lesson["sheet"]:
            raise CultureParkError(f"{place}: a second rating of {item!r} in one lesson; keep one")
        rating = _number(cells, "rating", place)
        lesson["sheet"][item] = int(rating) if rating is not None and rating.is_integer() else rating
        return
    share, spread = _number(cells, "share", place), _number(cells, "spread", place)
    lesson[part].append({"question": item, "share": share, "spread": spread, "shares": _shares(cells, place)})


def _number(cells: Mapping[str, str], name: str, place: str) -> float | None:
    try:
        return float(cells[name]) if name in cells else None
    except ValueError:
        raise CultureParkError(f"{place}: {name} = {cells[name]!r} is no number; leave it empty if open") from None


def _shares(cells: Mapping[str, str], place: str) -> dict[int, float] | None:
    if "shares" not in cells:
        return None
    try:
        return {int(code): float(share) for code, share in (part.split(":") for part in cells["shares"].split())}
    except ValueError:
        raise CultureParkError(f"{place}: shares = {cells['shares']!r}; write code:share, e.g. 1:0.4 2:0.6") from None


def _rows(lesson: Lesson) -> Iterator[dict[str, object]]:
    facts = {name: getattr(lesson, name) for name in FACTS}
    guesses: tuple[tuple[str, tuple[Guess, ...]], ...] = (("before", lesson.before), ("after", lesson.after))
    for part, form in guesses:
        for guess in form:
            numbers: dict[str, object] = {"share": guess.share, "spread": guess.spread}
            if guess.shares is not None:
                numbers = {"shares": " ".join(f"{code}:{share!r}" for code, share in guess.shares.items())}
            yield facts | {"part": part, "item": guess.question, **numbers}
    for item, rating in lesson.sheet.items():
        yield facts | {"part": "sheet", "item": item, "rating": rating}
