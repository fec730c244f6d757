"""Import the official World Values Survey wave 7 CSV, or slices of it, as a survey folder of counts.

Traps this survives: summary rows at the end of slices (no country), missing codes (negative), weights or none,
`;` or `,`, a byte-order mark, Windows encodings, other column cases, items a country was never asked.
"""

import csv
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

from culturepark.personas.question import Question
from culturepark.personas.surveys.survey import COUNTS, QUESTIONS, Counted, load_survey
from culturepark.personas.surveys.wordings import LANGUAGES
from culturepark.runtime.errors import CultureParkError

COUNTRY, WEIGHT = "b_country_alpha", "w_weight"


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


def import_wvs(path: Path, *, countries: Sequence[str] = ()) -> Imported:
    """Count the answers of a WVS wave 7 file to the 50 items, valid codes only.

    Args:
        path: A CSV with `B_COUNTRY_ALPHA` and the items as columns; one respondent a row.
        countries: ISO alpha-3 codes to keep; all when empty.

    Raises:
        CultureParkError: Names file, row, column and value for anything that is not a WVS answer.
    """
    questions = {key.removeprefix("wvs7:"): question for key, question in load_survey("wvs7").questions.items()}
    counts: Counter[tuple[str, str, int]] = Counter()
    respondents: Counter[str] = Counter()
    skipped = 0
    weighted = False
    for number, row in _rows(path, questions):
        country = row[COUNTRY].strip().upper()
        if not country:
            skipped += 1
            continue
        if countries and country not in countries:
            continue
        weighted = WEIGHT in row
        weight = _number(row[WEIGHT], path, number, "W_WEIGHT") if weighted else 1.0
        respondents[country] += 1
        for item, question in questions.items():
            code = _code(row.get(item.lower(), ""), question, place=f"{path}:{number}, column {item}")
            if code is not None:
                counts[country, item, code] += weight  # type: ignore[assignment]  # Counter adds floats as well
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
        counted="weights" if weighted else "respondents",
        not_asked=tuple(cell for cell in cells if cell not in asked),
        skipped_rows=skipped,
    )


def write_survey(imported: Imported, folder: Path) -> None:
    """Write the counts beside the shipped questions: a survey folder for `--source FOLDER`. No microdata is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    with as_file(files(__package__) / "wvs7") as shipped:
        shutil.copyfile(shipped / QUESTIONS, folder / QUESTIONS)
        shutil.copytree(shipped / LANGUAGES, folder / LANGUAGES, dirs_exist_ok=True)
    if imported.counted == "weights":
        text = (folder / QUESTIONS).read_text(encoding="utf-8")
        (folder / QUESTIONS).write_text(text.replace("counted: respondents", "counted: weights"), encoding="utf-8")
    write_counts(imported.counts, folder / COUNTS)


def write_counts(counts: Mapping[tuple[str, str, int], float], path: Path) -> None:
    """Write `country,question,code,count`, in the given order; whole numbers without a point."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("country", "question", "code", "count"))
        for (country, item, code), count in counts.items():
            writer.writerow((country, item, code, int(count) if count == int(count) else f"{count:.6f}"))


def _rows(path: Path, questions: Mapping[str, Question]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line numbers and rows with lower-case column names."""
    with path.open(encoding=_encoding(path), newline="") as file:
        head = file.readline()
        delimiter = max(",;\t", key=head.count)
        columns = [name.strip().strip('"').lower() for name in head.rstrip("\r\n").split(delimiter)]
        if COUNTRY not in columns:
            raise CultureParkError(
                f"{path}: no column B_COUNTRY_ALPHA; give the WVS wave 7 CSV in its official layout "
                f"(found: {', '.join(columns[:6])}, …)"
            )
        if not any(item.lower() in columns for item in questions):
            raise CultureParkError(f"{path}: none of the items Q27 … Q233 is a column; is this wave 7?")
        for number, row in enumerate(csv.reader(file, delimiter=delimiter), start=2):
            yield number, dict(zip(columns, [*row, *[""] * (len(columns) - len(row))], strict=False))


def _encoding(path: Path) -> str:
    """UTF-8 (with or without a mark), else the Windows code page that survey tools write."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "cp1252"
    except OSError as error:
        raise CultureParkError(f"{path}: cannot be read ({error.strerror})") from None
    return "utf-8-sig"


def _code(text: str, question: Question, *, place: str) -> int | None:
    """The valid code of an answer; None for the survey's missing codes and for an empty cell."""
    text = text.strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise CultureParkError(
            f"{place}: {text!r} is not an answer code; expected {list(question.scale.codes)}"
        ) from None
    if value < 0:
        return None
    if value != int(value) or int(value) not in question.scale.codes:
        raise CultureParkError(
            f"{place}: code {text} is not on the scale {list(question.scale.codes)}; correct the file"
        )
    return int(value)


def _number(text: str, path: Path, number: int, column: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CultureParkError(
            f"{path}:{number}, column {column}: {text!r} is not a number; correct the file"
        ) from None
