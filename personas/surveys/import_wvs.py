"""Import the official World Values Survey wave 7 CSV, or slices of it, as a survey folder of counts."""

import csv
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

from culturepark.personas.surveys.groups import GROUPS, MINIMUM, Cell, groups_of, write_groups
from culturepark.personas.surveys.survey import COUNTS, QUESTIONS, Counted
from culturepark.personas.surveys.wordings import LANGUAGES
from culturepark.personas.surveys.wvs_file import read_wvs, wvs_questions
from culturepark.runtime.errors import CultureParkError


class Imported(NamedTuple):
    """What an import found."""

    counts: dict[tuple[str, str, int], float]
    """By country, item (`Q27`) and code; every code of the scale, zeros included."""
    respondents: dict[str, int]
    counted: Counted
    not_asked: tuple[tuple[str, str], ...]
    """Country and item, where nobody has a valid answer."""
    skipped_rows: int
    """Rows without a country: the slices' own summary rows."""
    groups: dict[tuple[str, str, str], Cell]
    """By country, item and group of sex, age band and education, as far as the file has these columns."""


def import_wvs(path: Path, *, countries: Sequence[str] = ()) -> Imported:
    """Count the answers of a WVS wave 7 file to the 50 items, valid codes only.

    Args:
        path: A CSV with `B_COUNTRY_ALPHA` and the items as columns; one respondent a row.
        countries: ISO alpha-3 codes to keep; all when empty.

    Raises:
        CultureParkError: Names file, row, column and value for anything that is not a WVS answer.
    """
    questions = wvs_questions()
    file = read_wvs(path, countries=countries)
    counts: Counter[tuple[str, str, int]] = Counter()
    grouped: Counter[tuple[str, str, str, int]] = Counter()
    sizes: Counter[tuple[str, str, str]] = Counter()
    respondents: Counter[str] = Counter()
    skipped = 0
    for person in file.people:
        if person is None:
            skipped += 1
            continue
        respondents[person.country] += 1
        groups = tuple(groups_of(person.traits))
        for item, code in person.answers.items():
            counts[person.country, item, code] += person.weight  # type: ignore[assignment]  # Counter adds floats as well
            for group in groups:
                grouped[person.country, item, group, code] += person.weight  # type: ignore[assignment]
                sizes[person.country, item, group] += 1
    missing = sorted(set(countries) - set(respondents))
    if missing or not respondents:
        found = ", ".join(sorted(respondents)) or "none"
        raise CultureParkError(f"{path}: no respondents of {', '.join(missing) or 'any country'}; found: {found}")
    asked = {(country, item) for country, item, _ in counts}
    cells = [(country, item) for country in sorted(respondents) for item in questions]
    return Imported(
        counts={
            (country, item, code): float(counts[country, item, code])
            for country, item in cells
            if (country, item) in asked
            for code in questions[item].scale.codes
        },
        respondents=dict(sorted(respondents.items())),
        counted="weights" if file.weighted else "respondents",
        not_asked=tuple(cell for cell in cells if cell not in asked),
        skipped_rows=skipped,
        groups={
            (country, item, group): Cell(
                size,
                {code: float(grouped[country, item, group, code]) for code in questions[item].scale.codes}
                if size >= MINIMUM
                else None,
            )
            for (country, item, group), size in sizes.items()
        },
    )


def write_survey(imported: Imported, folder: Path) -> None:
    """Write the counts beside the shipped questions: a survey folder for `--source FOLDER`. No microdata is kept.

    Countries that are not in the file are answered for by the shipped survey, so an imported country can meet them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with as_file(files(__package__) / "wvs7") as shipped:
        shutil.copyfile(shipped / QUESTIONS, folder / QUESTIONS)
        shutil.copytree(shipped / LANGUAGES, folder / LANGUAGES, dirs_exist_ok=True)
    text = (folder / QUESTIONS).read_text(encoding="utf-8")
    counted = f"  counted: {imported.counted}\n  others_from: wvs7\n"
    (folder / QUESTIONS).write_text(text.replace("  counted: respondents\n", counted, 1), encoding="utf-8")
    write_counts(imported.counts, folder / COUNTS)
    if imported.groups:
        write_groups(imported.groups, folder / GROUPS)
    else:
        (folder / GROUPS).unlink(missing_ok=True)


def write_counts(counts: Mapping[tuple[str, str, int], float], path: Path) -> None:
    """Write `country,question,code,count`, in the given order; whole numbers without a point."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("country", "question", "code", "count"))
        for (country, item, code), count in counts.items():
            writer.writerow((country, item, code, int(count) if count == int(count) else f"{count:.6f}"))
