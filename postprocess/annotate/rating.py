"""A sheet that is filled in here, row by row, instead of in a spreadsheet: the same words, the same result."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from culturepark.postprocess.annotate.sheet import ANSWERS, WORDS, returned, rows_of
from culturepark.postprocess.annotate.tables import (
    Returned,
    Sheet,
    load_draft,
    load_returned,
    load_sheets,
    save_draft,
    save_returned,
)
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.store import Store


class Standing(NamedTuple):
    """How far a rater is with a sheet."""

    sheet: str
    rater: str
    rows: int
    answered: int
    handed_in: bool


class Work(NamedTuple):
    """One rater's sheet with the answers so far."""

    sheet: Sheet
    rater: str
    rows: list[dict[str, Any]]
    """As `rows_of` gives them: blind, in the rater's own order."""
    answers: dict[str, dict[str, str]]
    handed_in: bool

    @property
    def open(self) -> list[int]:
        """Places of the rows without an answer."""
        return [place for place, row in enumerate(self.rows) if row["item"] not in self.answers]


def standings(store: Store) -> list[Standing]:
    """Every rater of every sheet."""
    back = {(one.sheet, one.rater): len(one.ratings) + len(one.ties) for one in load_returned(store)}
    return [
        Standing(
            sheet.id,
            rater,
            len(rows_of(sheet, rater)),
            back[sheet.id, rater] if (sheet.id, rater) in back else len(load_draft(store, sheet.id, rater)),
            (sheet.id, rater) in back,
        )
        for sheet in load_sheets(store)
        for rater in sheet.raters
    ]


def load_work(store: Store, sheet: str, rater: str) -> Work:
    """A rater's sheet.

    Raises:
        CultureParkError: When the run gave out no such sheet, or not to this rater.
    """
    sheets = {one.id: one for one in load_sheets(store)}
    if sheet not in sheets:
        raise unknown("sheet", sheet, sheets)
    found = sheets[sheet]
    if rater not in found.raters:
        raise unknown("rater", rater, found.raters, place=f"sheet {sheet}")
    handed_in = any((one.sheet, one.rater) == (sheet, rater) for one in load_returned(store))
    return Work(found, rater, rows_of(found, rater), load_draft(store, sheet, rater), handed_in)


def answer_row(store: Store, work: Work, place: int, said: Mapping[str, str]) -> None:
    """Keep the answers to one row.

    Raises:
        CultureParkError: When one that the row asks for is missing or no word of `WORDS`, or the sheet was handed in.
    """
    row = work.rows[place]
    _refuse_handed_in(work)
    asked = ANSWERS[row["kind"]]
    for name in asked:
        if said.get(name, "") not in WORDS[name]:
            raise CultureParkError(f"{name} = {said.get(name, '')!r}; choose one of {', '.join(WORDS[name])}")
    save_draft(store, work.sheet.id, work.rater, row["item"], {name: said[name] for name in asked})


def hand_in(store: Store, work: Work) -> Returned:
    """Make a whole draft the rater's ratings, as importing the filled-in CSV would.

    Raises:
        CultureParkError: When rows are open, or ratings of this rater are in the run already.
    """
    _refuse_handed_in(work)
    if work.open:
        raise CultureParkError(f"{len(work.open)} of {len(work.rows)} rows are open; answer them first")
    found = returned(work.sheet, work.rater, {row["item"]: work.answers[row["item"]] for row in work.rows})
    save_returned(store, [found])
    return found


def _refuse_handed_in(work: Work) -> None:
    if work.handed_in:
        raise CultureParkError(
            f"{work.rater}'s ratings are in the run already; `samples annotate import --replace` takes new ones"
        )
