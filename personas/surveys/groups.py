"""Parts of a country's people: women, the young, those with higher education, and combinations of these.

Only counts of groups with enough respondents are kept; of smaller ones, how small they are.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources.abc import Traversable
from itertools import combinations
from pathlib import Path
from typing import Literal, NamedTuple

from culturepark.personas.persona import EDUCATION
from culturepark.runtime.errors import CultureParkError

Attribute = Literal["sex", "age", "education"]
ATTRIBUTES: tuple[Attribute, ...] = ("sex", "age", "education")
GROUPS = "groups.csv"
COLUMNS = ("country", "question", "group", "respondents", "code", "count")
MINIMUM = 30
"""Respondents of a group with a valid answer, from which its counts are kept and may ground a stance."""
BANDS = ("16-29", "30-49", "50+")
"""The survey's own three age bands (X003R2)."""
VALUES: Mapping[Attribute, tuple[str, ...]] = {"sex": ("male", "female"), "age": BANDS, "education": EDUCATION}


class Cell(NamedTuple):
    """The answers of one group to one question."""

    respondents: int
    """People with a valid answer, whatever their weights."""
    counts: Mapping[int, float] | None
    """Per code, in the survey's unit; None for a group below the minimum."""


Cells = Mapping[tuple[str, str, str], Cell]
"""By country, item (`Q27`) and group (`sex=female,age=16-29`)."""


def band(age: int) -> str:
    """The age band of an age in years."""
    return BANDS[0] if age < 30 else BANDS[1] if age < 50 else BANDS[2]


def group_name(traits: Mapping[Attribute, str]) -> str:
    """A group as one word, always in the same order: `sex=female,age=16-29`."""
    return ",".join(f"{name}={traits[name]}" for name in ATTRIBUTES if name in traits)


def groups_of(traits: Mapping[Attribute, str]) -> Iterator[str]:
    """Every group a person with these traits belongs to."""
    known = [name for name in ATTRIBUTES if name in traits]
    for size in range(1, len(known) + 1):
        for chosen in combinations(known, size):
            yield group_name({name: traits[name] for name in chosen})


def write_groups(cells: Cells, path: Path) -> None:
    """Write the groups' counts; of a group below the minimum, only its size."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for (country, item, group), cell in sorted(cells.items()):
            if cell.counts is None:
                writer.writerow((country, item, group, cell.respondents, "", ""))
                continue
            for code, count in sorted(cell.counts.items()):
                writer.writerow((country, item, group, cell.respondents, code, f"{count:.6f}".rstrip("0").rstrip(".")))


def read_groups(file: Traversable, *, place: str) -> dict[tuple[str, str, str], Cell]:
    """Read `groups.csv`; empty when there is none.

    Raises:
        CultureParkError: Names the line that is not a count.
    """
    if not file.is_file():
        return {}
    sizes: dict[tuple[str, str, str], int] = {}
    counts: dict[tuple[str, str, str], dict[int, float]] = {}
    for number, row in enumerate(csv.reader(file.read_text(encoding="utf-8").splitlines()[1:]), start=2):
        try:
            country, item, group, respondents, code, count = row
            key = (country, item, group)
            sizes[key] = int(respondents)
            if code:
                counts.setdefault(key, {})[int(code)] = float(count)
        except ValueError as error:
            raise CultureParkError(
                f"{place}:{number}: {','.join(row)!r} is not {','.join(COLUMNS)} ({error}); import the survey again"
            ) from None
    return {key: Cell(size, counts.get(key)) for key, size in sizes.items()}


def attributes_in(groups: Sequence[str]) -> tuple[Attribute, ...]:
    """The attributes that any of the groups has."""
    found = {part.partition("=")[0] for group in groups for part in group.split(",")}
    return tuple(name for name in ATTRIBUTES if name in found)
