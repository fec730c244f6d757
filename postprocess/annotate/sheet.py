"""The sheets that raters fill in, one CSV each: blind, in an order of its own, safe in a spreadsheet program."""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from culturepark.postprocess.annotate.items import Item
from culturepark.postprocess.annotate.tables import Rating, Returned, Sheet, StanceRead, Tie
from culturepark.postprocess.spreadsheet import read_csv, write_csv
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import seed_from
from culturepark.runtime.whole_file import whole_file

INSTRUCTIONS: Final = "INSTRUCTIONS.md"
TIES: Final[tuple[str, ...]] = get_args(Tie)
STANCES: Final[tuple[str, ...]] = ("below", "mid", "above", "unsure", "cannot tell")
assert set(STANCES) == {word for part in get_args(StanceRead) for word in (get_args(part) or (part,))}
COLUMNS: Final = (
    "item", "kind", "people", "language", "question", "scale", "text", "other_text",
    "authenticity", "stance", "stereotype", "same", "tie", "rater",
)  # fmt: skip
ANSWERS: Final = {"opinion": ("authenticity", "stance", "stereotype"), "pair": ("same",), "tie": ("tie",)}
"""The cells that rows of each kind have to be filled in."""
WORDS: Final = {
    "authenticity": ("1", "2", "3", "4", "5"),
    "stance": STANCES,
    "stereotype": ("yes", "no"),
    "same": ("same", "different"),
    "tie": TIES,
}
TIE: Final = "tie:"
"""Begins the item of a row in which a rater declares their tie to a culture."""
NAME: Final = re.compile(r"[^\W\d_][\w-]{0,39}")
SHOWN: Final = 12


class _Filled(NamedTuple):
    """A row as it came back, with its line."""

    line: int
    item: str
    answers: dict[str, str]


def check_raters(raters: Sequence[str]) -> None:
    """Refuse raters who cannot be told apart, or are too few to disagree.

    Raises:
        CultureParkError: Names the rater.
    """
    if len(raters) < 2:
        raise CultureParkError(
            f"--raters {','.join(raters)}: agreement needs at least two people; name them, e.g. --raters anna,ben"
        )
    for rater in raters:
        if not NAME.fullmatch(rater):
            raise CultureParkError(f"--raters: {rater!r} cannot name a file; use letters, digits and dashes")
        if [one.casefold() for one in raters].count(rater.casefold()) > 1:
            raise CultureParkError(f"--raters: {rater!r} stands there twice")


def write_sheets(sheet: Sheet, folder: Path, *, force: bool) -> list[Path]:
    """Write a sheet for every rater, and the instructions; returns the files.

    Raises:
        CultureParkError: When the folder holds anything and `force` is off, or cannot be written.
    """
    try:
        if folder.exists() and any(folder.iterdir()) and not force:
            raise CultureParkError(
                f"{folder}: is not empty, and may hold ratings; choose another --out, or overwrite with --force"
            )
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for rater in sheet.raters:
            written.append(folder / f"{rater}.csv")
            with whole_file(written[-1]) as partial:
                write_csv(partial, COLUMNS, rows_of(sheet, rater))
        text = (files("culturepark.postprocess") / "notices" / "annotate.md").read_text(encoding="utf-8")
        told = {"ties": "\n".join(f"- `{tie}`" for tie in TIES), "stances": ", ".join(f"`{word}`" for word in STANCES)}
        (folder / INSTRUCTIONS).write_text(text.format(**told), encoding="utf-8")
    except OSError as error:
        raise CultureParkError(f"{folder}: cannot be written ({error.strerror}); choose another --out") from None
    return [*written, folder / INSTRUCTIONS]


def rows_of(sheet: Sheet, rater: str) -> list[dict[str, Any]]:
    """What a rater is shown: first the ties to the cultures, then the items in this rater's own order.

    Cells of `COLUMNS`; those that are to be filled in are left out.
    """
    places = dict(sorted({item.culture: item.place for item in sheet.items}.items()))
    ties = [
        {
            "item": f"{TIE}{culture}",
            "kind": "tie",
            "people": place,
            "text": "What ties you to these people?",
            "rater": rater,
        }
        for culture, place in places.items()
    ]
    items = list(sheet.items)
    random.Random(seed_from(sheet.seed, sheet.id, rater)).shuffle(items)
    return [*ties, *(_row(item) | {"rater": rater} for item in items)]


def _row(item: Item) -> dict[str, Any]:
    return {
        "item": item.code,
        "kind": item.kind,
        "people": item.place,
        "language": item.language,
        "question": item.asked,
        "scale": item.scale,
        "text": item.texts[0],
        "other_text": item.texts[1] if item.kind == "pair" else "",
    }


def read_returned(path: Path, sheets: Sequence[Sheet]) -> Returned:
    """Read a sheet that a rater filled in.

    Raises:
        CultureParkError: Names every line (as the spreadsheet program counts them) with a rating that is missing, out
            of range or not asked for, and items that are unknown, missing or there twice.
    """
    rows = read_csv(path, COLUMNS)
    filled = [
        _Filled(line, cells["item"], {name: " ".join(cells.get(name, "").split()) for name in WORDS})
        for line, row in enumerate(rows, start=2)
        if (cells := {name: value.strip() for name, value in row.items()}).get("item")
    ]
    rater = _rater(path, rows)
    sheet = _sheet(path, filled, sheets, rater)
    kinds: dict[str, str] = {f"{TIE}{item.culture}": "tie" for item in sheet.items}
    kinds |= {item.code: item.kind for item in sheet.items}
    problems = _problems(filled, kinds)
    if problems:
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise CultureParkError(f"{path}: {'; '.join(problems[:SHOWN])}{more}; correct the sheet and import it again")
    return returned(sheet, rater, {row.item: row.answers for row in filled})


def returned(sheet: Sheet, rater: str, answers: Mapping[str, Mapping[str, str]]) -> Returned:
    """What a rater says, from the words of `WORDS`: by item (`tie:CULTURE` for a tie), then by column.

    Every item of the sheet is there, and answered as its kind asks.
    """
    kinds = {item.code: item.kind for item in sheet.items}
    words = {item: {name: value.lower() for name, value in said.items()} for item, said in answers.items()}
    return Returned.model_validate(
        {
            "sheet": sheet.id,
            "rater": rater,
            "ties": {item.removeprefix(TIE): said["tie"] for item, said in words.items() if item not in kinds},
            "ratings": [
                _rating(item, said, kinds[item], sheet.id, rater) for item, said in words.items() if item in kinds
            ],
        }
    )


def _rater(path: Path, rows: Sequence[dict[str, str]]) -> str:
    named = sorted({row["rater"].strip() for row in rows if row.get("rater", "").strip()})
    if len(named) != 1:
        raise CultureParkError(
            f"{path}: the column `rater` names {', '.join(named) or 'nobody'}; a sheet is one person's, from the first "
            "line to the last"
        )
    return named[0]


def _sheet(path: Path, filled: Sequence[_Filled], sheets: Sequence[Sheet], rater: str) -> Sheet:
    """The sheet that most of a file's items are from."""
    codes = {item.code: sheet for sheet in sheets for item in sheet.items}
    homes = Counter(codes[row.item].id for row in filled if row.item in codes)
    if not homes:
        raise CultureParkError(f"{path}: no item of it was given out by this run; is --run right?")
    home = homes.most_common(1)[0][0]
    found = next(sheet for sheet in sheets if sheet.id == home)
    if rater not in found.raters:
        raise CultureParkError(
            f"{path}: {rater!r} is none of the sheet's raters ({', '.join(found.raters)}); correct the name"
        )
    return found


def _problems(filled: Sequence[_Filled], kinds: dict[str, str]) -> list[str]:
    found: list[str] = []
    lines: dict[str, int] = {}
    missing: dict[str, list[int]] = {}
    for row in filled:
        kind = kinds.get(row.item)
        if kind is None:
            found.append(f"line {row.line}: no item {row.item!r} on this sheet")
            continue
        if row.item in lines:
            found.append(f"line {row.line}: item {row.item!r} stands on line {lines[row.item]} too")
            continue
        lines[row.item] = row.line
        for name, value in row.answers.items():
            if not value and name in ANSWERS[kind]:
                missing.setdefault(name, []).append(row.line)
            elif value and name not in ANSWERS[kind]:
                found.append(f"line {row.line}: {name} = {value!r}, which is not asked of {kind} rows")
            elif value and value.lower() not in WORDS[name]:
                found.append(f"line {row.line}: {name} = {value!r}; write {', '.join(WORDS[name])}")
    found = [f"{name} is missing on line {_ranges(places)}" for name, places in missing.items()] + found
    absent = [item for item in kinds if item not in lines]
    if absent:
        named = ", ".join(absent[:3]) + (", …" if len(absent) > 3 else "")
        found.append(f"{len(absent)} of the sheet's items are not in the file ({named})")
    return found


def _ranges(lines: Sequence[int]) -> str:
    """Ascending numbers as people write them: `2, 4-7`."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][-1] + 1:
            runs[-1].append(line)
        else:
            runs.append([line])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _rating(item: str, said: Mapping[str, str], kind: str, sheet: str, rater: str) -> Rating:
    if kind == "pair":
        return Rating(sheet=sheet, item=item, rater=rater, same=said["same"] == "same")
    return Rating.model_validate(
        {
            "sheet": sheet,
            "item": item,
            "rater": rater,
            "authenticity": int(said["authenticity"]),
            "stance": said["stance"],
            "stereotype": said["stereotype"] == "yes",
        }
    )
