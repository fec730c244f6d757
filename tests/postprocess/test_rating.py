"""A sheet filled in row by row is the sheet that comes back as CSV."""

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from culturepark.postprocess.annotate.items import Item
from culturepark.postprocess.annotate.rating import Standing, answer_row, hand_in, load_work, standings
from culturepark.postprocess.annotate.sheet import ANSWERS, COLUMNS, WORDS, read_returned, write_sheets
from culturepark.postprocess.annotate.tables import Sheet, load_returned, make_sheet, save_returned, save_sheet
from culturepark.postprocess.spreadsheet import read_csv, write_csv
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.store import open_store


def item(code: str, kind: str, *texts: str) -> Item:
    return Item.model_validate(
        {
            "code": code, "kind": kind, "stratum": "s", "stratum_size": 1, "stratum_drawn": 1, "opinions": texts,
            "texts": texts, "culture": "turkish", "country": "TUR", "place": "Turkish, Turkey", "language": "en",
            "question": "wvs7:Q27", "asked": "Asked?", "scale": "below: a | above: b", "side": "below",
            "verdict": "entail" if kind == "opinion" else None, "judge": "j", "merged": None if kind == "opinion" else True,
        }
    )  # fmt: skip


def given_out() -> Sheet:
    return make_sheet([item("bbbb", "opinion", "=1+1"), item("cccc", "pair", "One.", "Two.")], ["anna", "ben"], seed=0)


ROWS = st.fixed_dictionaries(
    {
        kind: st.fixed_dictionaries({name: st.sampled_from(WORDS[name]) for name in names})
        for kind, names in ANSWERS.items()
    }
)


@settings(max_examples=20)  # each makes a run and its files
@given(ROWS)
def test_both_ways_give_the_same_ratings(
    tmp_path_factory: pytest.TempPathFactory, said: dict[str, dict[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("rated")
    sheet = given_out()
    path = write_sheets(sheet, folder / "sheets", force=False)[0]
    write_csv(path, COLUMNS, [row | said[row["kind"]] for row in read_csv(path, COLUMNS)])

    with closing(open_store(folder / "run")) as store:
        save_sheet(store, sheet)
        for place, row in enumerate(load_work(store, sheet.id, "anna").rows):
            answer_row(store, load_work(store, sheet.id, "anna"), place, said[row["kind"]])
        found = hand_in(store, load_work(store, sheet.id, "anna"))

        assert found == read_returned(path, [sheet])
        assert [one.rater for one in load_returned(store)] == ["anna"]
        assert standings(store) == [Standing(sheet.id, "anna", 3, 3, True), Standing(sheet.id, "ben", 3, 0, False)]


def test_what_cannot_be_rated_is_one_line(tmp_path: Path) -> None:
    sheet = given_out()
    with closing(open_store(tmp_path / "run")) as store:
        save_sheet(store, sheet)
        work = load_work(store, sheet.id, "ben")
        answer_row(store, work, 0, {"tie": "none"})

        def refusal(place: int, said: dict[str, str]) -> str:
            with pytest.raises(CultureParkError) as caught:
                answer_row(store, load_work(store, sheet.id, "ben"), place, said)
            return str(caught.value)

        pair = next(place for place, row in enumerate(work.rows) if row["kind"] == "pair")
        assert refusal(pair, {"same": "maybe"}) == "same = 'maybe'; choose one of same, different"
        assert refusal(pair, {}) == "same = ''; choose one of same, different"
        with pytest.raises(CultureParkError) as caught:
            hand_in(store, load_work(store, sheet.id, "ben"))
        assert str(caught.value) == "2 of 3 rows are open; answer them first"
        with pytest.raises(CultureParkError) as caught:
            load_work(store, "a_0", "ben")
        assert str(caught.value) == f"no sheet named 'a_0'. Known: {sheet.id}."


def test_an_imported_sheet_ends_the_draft(tmp_path: Path) -> None:
    sheet = given_out()
    said = {"tie": {"tie": "none"}, "opinion": {"authenticity": "1", "stance": "mid", "stereotype": "yes"}, "pair": {"same": "same"}}  # fmt: skip
    path = write_sheets(sheet, tmp_path / "sheets", force=False)[1]
    write_csv(path, COLUMNS, [row | said[row["kind"]] for row in read_csv(path, COLUMNS)])
    with closing(open_store(tmp_path / "run")) as store:
        save_sheet(store, sheet)
        answer_row(store, load_work(store, sheet.id, "ben"), 0, {"tie": "studied it"})
        stale = load_work(store, sheet.id, "ben")

        save_returned(store, [read_returned(path, [sheet])])

        assert load_work(store, sheet.id, "ben").answers == {}
        assert stale.answers != {}
        with pytest.raises(CultureParkError) as caught:
            answer_row(store, load_work(store, sheet.id, "ben"), 0, {"tie": "none"})
        assert str(caught.value) == (
            "ben's ratings are in the run already; `samples annotate import --replace` takes new ones"
        )
