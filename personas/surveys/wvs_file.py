"""The official World Values Survey wave 7 CSV, or slices of it, respondent by respondent.

Traps this survives: summary rows at the end of slices (no country), missing codes (negative), weights or none,
`;` or `,`, a byte-order mark, Windows encodings, other column cases, items a country was never asked.
"""

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from culturepark.personas.persona import EDUCATION, OLDEST
from culturepark.personas.question import Question
from culturepark.personas.surveys.groups import Attribute, band
from culturepark.personas.surveys.survey import load_survey
from culturepark.runtime.errors import CultureParkError

COUNTRY, WEIGHT = "b_country_alpha", "w_weight"
TRAIT_COLUMNS: Mapping[Attribute, str] = {"sex": "q260", "age": "q262", "education": "q275r"}
"""Sex, age in years, and highest level attained in three groups."""
SEXES = ("male", "female")


class Respondent(NamedTuple):
    """One person's answers."""

    line: int
    """In the file, from 1."""
    country: str
    weight: float
    """1 where the file has none."""
    answers: dict[str, int]
    """Valid codes by item (`Q27`)."""
    traits: dict[Attribute, str]
    """Values of `groups.VALUES`; what is missing in the file is missing here."""
    row: str
    """The row as written."""


class WvsFile(NamedTuple):
    """An open file: what it has, and its people."""

    weighted: bool
    people: Iterator[Respondent | None]
    """None for a row without a country: the slices' own summary rows."""


def wvs_questions() -> dict[str, Question]:
    """The 50 questions by item (`Q27`)."""
    return {key.removeprefix("wvs7:"): question for key, question in load_survey("wvs7").questions.items()}


def read_wvs(path: Path, *, countries: Sequence[str] = ()) -> WvsFile:
    """Read a file, one respondent a row.

    Args:
        path: A CSV with `B_COUNTRY_ALPHA` and the items as columns.
        countries: ISO alpha-3 codes to keep; all when empty.

    Raises:
        CultureParkError: Names file, row, column and value for anything that is not a WVS answer; problems of
            single rows are raised while `people` is read.
    """
    questions = wvs_questions()
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
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

    def people() -> Iterator[Respondent | None]:
        with path.open(encoding=encoding, newline="") as file:
            file.readline()
            for number, cells in enumerate(_rows(csv.reader(file, delimiter=delimiter), path), start=2):
                row = dict(zip(columns, [*cells, *[""] * (len(columns) - len(cells))], strict=False))
                country = row[COUNTRY].strip().upper()
                if not country:
                    yield None
                elif not countries or country in countries:
                    yield _respondent(path, number, country, row, questions, raw=delimiter.join(cells))

    return WvsFile(WEIGHT in columns, people())


def _respondent(
    path: Path, number: int, country: str, row: Mapping[str, str], questions: Mapping[str, Question], *, raw: str
) -> Respondent:
    answers = {}
    for item, question in questions.items():
        code = _code(row.get(item.lower(), ""), question, place=f"{path}:{number}, column {item}")
        if code is not None:
            answers[item] = code
    traits = {
        name: value
        for name, column in TRAIT_COLUMNS.items()
        if (value := _trait(name, row.get(column, ""), place=f"{path}:{number}, column {column.upper()}")) is not None
    }
    weight = _weight(row[WEIGHT], place=f"{path}:{number}, column W_WEIGHT") if WEIGHT in row else 1.0
    return Respondent(number, country, weight, answers, traits, raw)


def _rows(reader: Iterator[list[str]], path: Path) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise CultureParkError(f"{path}: is not CSV ({error}); correct the file") from None


def _encoding(path: Path) -> str:
    """UTF-8 (with or without a mark), else the Windows code page that survey tools write."""
    try:
        for encoding in ("utf-8-sig", "cp1252"):
            with suppress(UnicodeDecodeError), path.open(encoding=encoding) as file:
                while file.read(1 << 20):
                    pass
                return encoding
    except OSError as error:
        raise CultureParkError(f"{path}: cannot be read ({error.strerror})") from None
    raise CultureParkError(f"{path}: is text neither in UTF-8 nor in Windows-1252; save it as UTF-8")


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
    if not value.is_integer() or int(value) not in question.scale.codes:
        raise CultureParkError(
            f"{place}: code {text} is not on the scale {list(question.scale.codes)}; correct the file"
        )
    return int(value)


_TRAITS: Mapping[Attribute, tuple[Callable[[int], str], int, int, str]] = {
    "sex": (lambda code: SEXES[code - 1], 1, 2, "1 (male) or 2 (female)"),
    "age": (band, 0, OLDEST, f"0 to {OLDEST} years"),
    "education": (lambda code: EDUCATION[code - 1], 1, 3, "1 (lower) to 3 (higher)"),
}
"""By attribute: how a code reads, the lowest and the highest code, and how an error says so."""


def _trait(name: Attribute, text: str, *, place: str) -> str | None:
    """A respondent's sex, age band or education; None where it is missing (empty or negative)."""
    read, lowest, highest, expected = _TRAITS[name]
    if not text.strip():
        return None
    try:
        value = float(text)
        code = int(value)
    except (ValueError, OverflowError):
        raise CultureParkError(f"{place}: {text!r} is no code of {name}; expected {expected}") from None
    if value < 0:
        return None
    if value != code or not lowest <= code <= highest:
        raise CultureParkError(f"{place}: {text} is no code of {name}; expected {expected}")
    return read(code)


def _weight(text: str, *, place: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        raise CultureParkError(f"{place}: {text!r} is not a number; correct the file") from None
    if not 0 <= weight < math.inf:
        raise CultureParkError(f"{place}: a weight cannot be {text}; correct the file")
    return weight
