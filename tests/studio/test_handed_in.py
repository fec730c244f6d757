"""Fields of the classroom's forms, without a browser: what is open stays open, what cannot be is refused."""

from typing import Any

import pytest

from culturepark.benchmarks.education.lesson import Guess
from culturepark.benchmarks.education.materials import load_materials
from culturepark.runtime.errors import CultureParkError
from culturepark.studio.handed_in import agreed, guessed, rated

ALL = {"statement0": "on", "statement1": "on", "adult": "on", "culture": "turkish"}


def test_who_agrees_to_everything_may_begin() -> None:
    assert agreed(ALL, load_materials().consent) == "turkish"


@pytest.mark.parametrize("left_out", ["statement0", "statement1", "adult"])
def test_nobody_begins_without_every_statement(left_out: str) -> None:
    fields = {name: value for name, value in ALL.items() if name != left_out}
    with pytest.raises(CultureParkError, match="a lesson needs every box ticked"):
        agreed(fields, load_materials().consent)


def test_empty_fields_stay_open() -> None:
    fields = {"share0": "40", "spread0": "", "share1": " ", "share2": "0", "spread2": "100"}

    assert guessed(fields, ["wvs7:Q122", "wvs7:Q123", "wvs7:Q124"]) == (
        Guess(question="wvs7:Q122", share=0.4),
        Guess(question="wvs7:Q123"),
        Guess(question="wvs7:Q124", share=0.0, spread=1.0),
    )


@pytest.mark.parametrize("text", ["101", "-1", "many", "nan", "inf"])
def test_what_is_no_number_of_people_is_one_line(text: str) -> None:
    with pytest.raises(CultureParkError) as caught:
        guessed({"share1": text}, ["wvs7:Q122", "wvs7:Q123"])
    assert str(caught.value) == f"question 2: {text!r} is no number from 0 to 100; leave it empty if open"


@pytest.mark.parametrize(("mark", "rating"), [("5", 5), ("", None), (None, None)])
def test_the_sheet_keeps_what_is_open(mark: str | None, rating: int | None) -> None:
    fields: dict[str, Any] = {} if mark is None else {"again": mark}

    assert rated(fields, load_materials().sheet)["again"] == rating


def test_a_mark_that_is_not_on_the_sheet_is_one_line() -> None:
    with pytest.raises(CultureParkError) as caught:
        rated({"again": "6"}, load_materials().sheet)
    assert str(caught.value) == "again = '6'; mark one of 1 to 5, or leave it open"
