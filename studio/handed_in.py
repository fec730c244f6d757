"""What a filled-in form of the classroom says, read from the browser's fields."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from culturepark.benchmarks.education.lesson import Guess, Rating
from culturepark.benchmarks.education.materials import Consent, Sheet
from culturepark.runtime.errors import CultureParkError


def agreed(fields: Mapping[str, Any], consent: Consent) -> str:
    """The culture that somebody picked who agreed to everything.

    Raises:
        CultureParkError: When a statement was not agreed to, or no culture was picked.
    """
    ticked = [f"statement{place}" in fields for place in range(len(consent.statements))]
    if not all(ticked) or "adult" not in fields:
        raise CultureParkError("a lesson needs every box ticked; without them nothing begins and nothing is kept")
    culture = str(fields.get("culture", ""))
    if not culture:
        raise CultureParkError("pick a culture first")
    return culture


def guessed(fields: Mapping[str, Any], questions: Sequence[str]) -> tuple[Guess, ...]:
    """A form's guesses; an empty field stays open.

    Raises:
        CultureParkError: For what is no number from 0 to 100; names the place on the form.
    """
    return tuple(
        Guess(
            question=question,
            share=_fraction(fields, f"share{place}", place),
            spread=_fraction(fields, f"spread{place}", place),
        )
        for place, question in enumerate(questions)
    )


def rated(fields: Mapping[str, Any], sheet: Sheet) -> dict[str, Rating | None]:
    """The satisfaction sheet; an item without a mark stays open.

    Raises:
        CultureParkError: For a mark that the sheet does not have.
    """
    found: dict[str, Rating | None] = {}
    for item in sheet.items:
        mark = str(fields.get(item, ""))
        if mark not in {"", "1", "2", "3", "4", "5"}:
            raise CultureParkError(f"{item} = {mark!r}; mark one of 1 to 5, or leave it open")
        found[item] = cast(Rating, int(mark)) if mark else None
    return found


def _fraction(fields: Mapping[str, Any], name: str, place: int) -> float | None:
    text = str(fields.get(name, "")).strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise CultureParkError(f"question {place + 1}: {text!r} is no number from 0 to 100; leave it empty if open")
    return value / 100
