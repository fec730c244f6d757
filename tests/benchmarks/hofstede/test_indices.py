"""The six indices by hand; constants, baselines and the exact permutation test; the user's files."""

from pathlib import Path

import pytest

from culturepark.benchmarks.hofstede.files import TABLE, load_items, load_scores
from culturepark.benchmarks.hofstede.indices import (
    DIMENSIONS,
    ITEMS,
    distance,
    fitted_leave_one_out,
    indices,
    mean_of_others,
    permutation_p,
)
from culturepark.personas.roster import load_roster
from culturepark.runtime.errors import CultureParkError

MODULAR = {"pdi": -75, "idv": 210, "mas": 0, "uai": 45, "lto": 10, "ivr": 75}


def row(*values: float | None) -> dict[str, float | None]:
    return dict(zip(DIMENSIONS, values, strict=True))


@pytest.mark.parametrize(
    ("answers", "mas_weight", "expected"),
    [
        pytest.param(dict.fromkeys(ITEMS, 3), 35, dict.fromkeys(DIMENSIONS, 0), id="all-threes"),
        pytest.param(dict.fromkeys(ITEMS, 3), 25, dict.fromkeys(DIMENSIONS, 0), id="all-threes-as-published"),
        # m01 … m24 are 2 3 4 5 1 2 3 4 5 1 2 3 4 5 1 2 3 4 5 1 2 3 4 5.
        # pdi 35(3-3)+25(1-4); idv 35(5-2)+35(5-2); mas 35(1-4)+35(4-1); uai 40(4-1)+25(2-5); lto 40(4-5)+25(5-3);
        # ivr 35(3-2)+40(3-2)
        pytest.param({item: 1 + item % 5 for item in ITEMS}, 35, MODULAR, id="one-plus-item-mod-five"),
        pytest.param({item: 1 + item % 5 for item in ITEMS}, 25, {**MODULAR, "mas": -30}, id="the-same-as-published"),
    ],
)
def test_indices_by_hand(answers: dict[int, float], mas_weight: int, expected: dict[str, float]) -> None:
    assert indices(answers, mas_weight=mas_weight) == expected


def test_a_missing_item_leaves_its_index_missing_and_no_other() -> None:
    answers = {item: 3.0 for item in ITEMS if item != 20}

    assert indices(answers) == {**dict.fromkeys(DIMENSIONS, 0.0), "pdi": None}


def test_constants_are_fitted_on_the_other_cultures() -> None:
    raw = {"a": row(0, 0, 0, 0, 0, 0), "b": row(10, 0, 0, 0, 0, None), "c": row(20, 0, 0, 0, 0, 0)}
    truth = {"a": row(50, 1, 1, 1, 1, 1), "b": row(70, 2, 1, 1, 1, 1), "c": row(90, 3, 1, 1, None, 1)}

    found = fitted_leave_one_out(raw, truth)  # type: ignore[arg-type]

    assert found["a"] == row(65, 2.5, 1, 1, 1, 1)  # pdi 0 + mean(60, 70), idv 0 + mean(2, 3)
    assert found["b"] == row(70, 2, 1, 1, 1, None)  # pdi 10 + mean(50, 70)
    assert mean_of_others(truth)["a"] == row(80, 2.5, 1, 1, 1, 1)  # type: ignore[arg-type]


def test_distance_is_missing_where_a_dimension_is() -> None:
    assert distance(row(0, 0, 0, 0, 0, 0), row(3, 4, 0, 0, 0, 0)) == 5  # type: ignore[arg-type]
    assert distance(row(0, 0, 0, 0, 0, 0), row(3, 4, 0, 0, 0, None)) is None  # type: ignore[arg-type]


def test_permutation_p_is_exact() -> None:
    truth = {str(n): row(n * n, 0, 0, 0, 0, 0) for n in range(4)}

    assert permutation_p(truth, truth) == 1 / 24  # type: ignore[arg-type]
    assert permutation_p({name: row(1, 1, 1, 1, 1, 1) for name in truth}, truth) == 1.0  # type: ignore[arg-type]
    assert permutation_p({"0": truth["0"]}, truth) is None  # type: ignore[arg-type]


def test_the_arab_countries_row_stands_for_jordan(shared_data: Path) -> None:
    roster = load_roster()
    arabic = roster.cultures["arabic"]

    assert load_scores(shared_data, [arabic]).rows["arabic"] == row(80, 38, 53, 68, 23, 34)
    jordan = arabic.model_copy(update={"hofstede": "Jordan"})
    assert load_scores(shared_data, [jordan]).rows["arabic"] == row(None, None, None, None, 16, 43)
    with pytest.raises(CultureParkError) as raised:
        load_scores(shared_data, [arabic.model_copy(update={"hofstede": "Arab Countries"})])
    assert "culture arabic: no country named 'Arab Countries'; did you mean 'Arab countries'?" in str(raised.value)


def test_a_row_that_ends_early_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_text("ctr;country;pdi\n11\n1;Jordan;3\n", encoding="utf-8")

    with pytest.raises(CultureParkError) as raised:
        load_scores(tmp_path, [load_roster().cultures["arabic"]])

    assert str(raised.value) == f"{tmp_path / TABLE}, culture arabic: no country named 'Arab countries'. Known: Jordan."


def test_a_missing_table_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CultureParkError) as raised:
        load_scores(tmp_path, [])
    assert str(raised.value) == (
        f"{tmp_path}: there is no 6-dimensions-for-website-2015-08-16.csv; download it from geerthofstede.com and name "
        "its folder with --data"
    )


def test_official_wording_is_the_users_own_file(tmp_path: Path) -> None:
    ours, official = load_items(None)
    assert (len(ours.items), official) == (24, False)
    text = "scales: {five: [a, b, c, d, e]}\nitems:\n"
    text += "".join(f"  {number}: {{scale: five, text: 'Item {number}'}}\n" for number in ITEMS)
    (tmp_path / "vsm13.yaml").write_text(text, encoding="utf-8")
    theirs, official = load_items(tmp_path)
    assert (theirs.items[24].text, official) == ("Item 24", True)
    (tmp_path / "vsm13.yaml").write_text(text.replace("  24:", "  25:"), encoding="utf-8")
    with pytest.raises(CultureParkError, match="items must be numbered 1 to 24, each once"):
        load_items(tmp_path)
