"""Import GlobalOpinionQA (Pew's Global Attitudes and WVS items) as a survey folder of shares.

Its cells are Python literals as text. Traps this survives: several names for one country, options that are no
answers, options that are numbers, shares that do not add up, rows that repeat one of our own questions.
"""

import ast
import csv
import re
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from culturepark.personas.question import Split
from culturepark.personas.surveys.import_wvs import write_counts
from culturepark.personas.surveys.survey import COUNTS, QUESTIONS, load_survey
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import parse_yaml

NAME = "goqa"
COLUMNS = ("question", "selections", "options", "source")
NO_ANSWER = re.compile(
    r"^(don.?t know|no answer|dk/refused|refused|dk|missing|other missing|not asked|not applicable|multiple answers)\b",
    re.IGNORECASE,
)
SUM_WITHIN = 0.02


class GoqaQuestion(NamedTuple):
    """One row with its real options."""

    item: str
    text: str
    options: tuple[str, ...]
    source: str
    same_as: str | None
    split: Split


class ImportedGoqa(NamedTuple):
    """What an import found."""

    questions: tuple[GoqaQuestion, ...]
    shares: dict[tuple[str, str, int], float]
    """By country, item and option number (from 1), renormalised over the real options."""
    unknown_countries: dict[str, int]
    """Country names that stand in no table, with how often: left out."""
    not_summing: int
    """Distributions whose shares miss 1 by more than 0.02: left out."""
    empty: int
    """Distributions without a single real answer: left out."""

    def counts(self) -> dict[str, int]:
        """What was kept and left out, for people."""
        return {
            "questions": len(self.questions),
            "of them asked in the shipped survey too": sum(question.same_as is not None for question in self.questions),
            "distributions": len({(country, item) for country, item, _ in self.shares}),
            "left out: country not in the table": sum(self.unknown_countries.values()),
            "left out: shares do not add up to 1": self.not_summing,
            "left out: no real answers": self.empty,
        }


def import_goqa(path: Path) -> ImportedGoqa:
    """Read a file in the upstream layout (`Anthropic/llm_global_opinions`).

    Questions that repeat one of ours inherit its split; all others are held out, as a new source to measure on.

    Raises:
        CultureParkError: Names file, line and value for what is not in that layout.
    """
    countries = _table("countries.yaml")
    aliases = [(re.compile(entry["match"]), entry["same_as"]) for entry in _table("goqa_aliases.yaml")]
    ours = load_survey("wvs7").questions
    questions: list[GoqaQuestion] = []
    shares: dict[tuple[str, str, int], float] = {}
    unknown: dict[str, int] = {}
    not_summing = empty = 0
    for number, row in _rows(path):
        place = f"{path}:{number}"
        options = [_option(option) for option in _literal(row["options"], list, place)]
        selections = _literal(_defaultdict_body(row["selections"]), dict, place)
        real = [place_ for place_, option in enumerate(options) if not NO_ANSWER.match(option)]
        if len(real) < 2:
            empty += len(selections)
            continue
        text = " ".join(row["question"].split())
        same_as = next((ours_id for pattern, ours_id in aliases if pattern.search(text.lower())), None)
        item = f"g{number - 1:04d}"
        questions.append(
            GoqaQuestion(
                item=item,
                text=text,
                options=tuple(options[place_] for place_ in real),
                source=row["source"],
                same_as=same_as,
                split=ours[same_as].split if same_as else "held-out",
            )
        )
        for name, values in sorted(selections.items()):
            country = countries.get(name)
            if country is None:
                unknown[name] = unknown.get(name, 0) + 1
                continue
            if len(values) != len(options) or not all(
                isinstance(value, int | float) and value >= 0 for value in values
            ):
                raise CultureParkError(
                    f"{place}, {name}: {len(values)} shares for {len(options)} options; correct the file"
                )
            if abs(sum(values) - 1) > SUM_WITHIN:
                not_summing += 1
                continue
            answered = [values[place_] for place_ in real]
            if sum(answered) <= 0:
                empty += 1
                continue
            # Two samples of one country (national and not) in a row: the national one, which sorts first, stays.
            if (country, item, 1) not in shares:
                for code, value in enumerate(answered, start=1):
                    shares[country, item, code] = value / sum(answered)
    return ImportedGoqa(tuple(questions), shares, dict(sorted(unknown.items())), not_summing, empty)


def write_goqa(imported: ImportedGoqa, folder: Path) -> None:
    """Write a survey folder: one battery a question, since nothing says which were asked together."""
    folder.mkdir(parents=True, exist_ok=True)
    scales = {
        question.item: {
            "codes": list(range(1, len(question.options) + 1)),
            "labels": dict(enumerate(question.options, start=1)),
            "ordinal": _looks_ordinal(question.options),
            "words": dict.fromkeys(range(1, len(question.options) + 1), 'answers "{label}" when asked: {text}'),
        }
        for question in imported.questions
    }
    batteries = [
        {
            "name": question.item,
            "split": question.split,
            "scale": question.item,
            "form": "question",
            "questions": [
                {
                    "id": question.item,
                    "topic": " ".join(question.text.split()[-6:]),
                    "text": {"en": question.text},
                    "same_as": question.same_as,
                }
            ],
        }
        for question in imported.questions
    ]
    survey = {
        "name": NAME,
        "title": "GlobalOpinionQA (Pew Global Attitudes and World Values Survey)",
        "citation": "Durmus et al. (2023), arXiv:2306.16388; not for redistribution",
        "terms": "non-profit use with citation, not for redistribution; terms of Pew and WVS hold too",
        "counted": "shares",
    }
    text = yaml.safe_dump(
        {"survey": survey, "scales": scales, "batteries": batteries}, sort_keys=False, allow_unicode=True
    )
    (folder / QUESTIONS).write_text(text, encoding="utf-8")
    write_counts(imported.shares, folder / COUNTS)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
            if missing:
                found = ", ".join(reader.fieldnames or []) or "none"
                raise CultureParkError(
                    f"{path}: no column {missing[0]!r}; expected {', '.join(COLUMNS)}, found {found}"
                )
            for number, row in enumerate(reader, start=2):
                if short := [column for column in COLUMNS if row[column] is None]:
                    raise CultureParkError(
                        f"{path}:{number}: the row ends before column {short[0]!r}; correct the file"
                    )
                yield number, row
    except csv.Error as error:
        raise CultureParkError(f"{path}: is not CSV ({error}); correct the file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CultureParkError(f"{path}: cannot be read as UTF-8 text ({error})") from None


def _defaultdict_body(text: str) -> str:
    """The dictionary inside `defaultdict(<class 'list'>, {…})`."""
    match = re.fullmatch(r"\s*defaultdict\(<class 'list'>,\s*(\{.*\})\)\s*", text, re.DOTALL)
    return match.group(1) if match else text


def _literal(text: str, kind: type, place: str) -> Any:
    """Read a Python literal as data; it is never executed."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, kind):
        raise CultureParkError(f"{place}: {text[:60]!r} is not a Python {kind.__name__}; is this the upstream layout?")
    return value


def _option(option: object) -> str:
    """An option as text; `10.0` is the tenth point of a scale."""
    text = " ".join(str(option).split())
    return text.removesuffix(".0") if re.fullmatch(r"\d+\.0", text) else text


def _looks_ordinal(options: tuple[str, ...]) -> bool:
    """Scales with numbered points, or whose two ends are each other's opposite: nothing else is taken for ordered."""
    if sum(option.isdigit() for option in options) >= len(options) - 2:
        return len(options) > 2
    first, last = options[0].lower().split(), options[-1].lower().split()
    ends = (("very", "not"), ("very", "very"), ("completely", "completely"), ("agree", "disagree"), ("a", "not"))
    return len(options) > 2 and (first[0], last[0]) in ends


def _table(name: str) -> Any:
    return parse_yaml((files(__package__) / name).read_text(encoding="utf-8"), place=name)
