"""Sheets are blind and stratified, come back checked line by line, and say what they say."""

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from culturepark.postprocess.annotate.items import Item, draw_items, pool
from culturepark.postprocess.annotate.report import standing
from culturepark.postprocess.annotate.sheet import COLUMNS
from culturepark.postprocess.annotate.tables import load_sheets
from culturepark.postprocess.tables import load_opinions
from culturepark.runtime.store import open_store
from tests.commands import command, document, mistake
from tests.postprocess.conftest import Refined
from tests.postprocess.test_texts import opinion

pytestmark = pytest.mark.slow
Answer = Callable[[Item], dict[str, str]]


def items_of(run: Path) -> dict[str, Item]:
    store = open_store(run, create=False)
    try:
        return {item.code: item for sheet in load_sheets(store) for item in sheet.items}
    finally:
        store.close()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def fill(path: Path, items: dict[str, Item], answer: Answer, *, tie: str = "grew up there") -> None:
    """Fill a sheet in as a rater would in a spreadsheet program, which saves it with semicolons."""
    rows = rows_of(path)
    for row in rows:
        row.update({"tie": tie} if row["kind"] == "tie" else answer(items[row["item"]]))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def agreeing(item: Item) -> dict[str, str]:
    """Somebody who sees things as the judge does."""
    if item.kind == "pair":
        return {"same": "same" if item.merged else "different"}
    other = "above" if item.side == "below" else "below"
    stance = {"entail": item.side, "contradict": other}.get(item.verdict, "cannot tell")
    return {"authenticity": "4", "stance": str(stance), "stereotype": "no"}


@pytest.fixture
def sheets(refined: Refined, tmp_path: Path) -> tuple[Refined, Path]:
    """A run with sheets for two raters, nothing filled in."""
    command(
        "samples", "annotate", "sheet", "--run", refined.run, "--out", tmp_path / "s", "--raters", "anna,ben", "--n", 80
    )
    return refined, tmp_path / "s"


def test_pools() -> None:
    assert pool(opinion("a", verdict="entail")) == "kept"
    assert pool(opinion("a", verdict="entail", dropped="merged", kept="o")) == "kept"
    assert pool(opinion("a", verdict="irrelevant")) == "novel"
    assert pool(opinion("a", verdict="irrelevant", dropped="irrelevant")) == "novel"
    assert pool(opinion("a", verdict="contradict", dropped="contradict")) == "dropped"
    assert pool(opinion("a", dropped="too_short")) == "dropped"


def test_rare_kinds_are_drawn_as_often_as_common_ones(refined_once: Refined) -> None:
    opinions, talks = refined_once.opinions(), {talk.id: talk for talk in refined_once.talks()}

    def draw(seed: int, n: int = 40) -> list[Item]:
        return draw_items(opinions, talks, n=n, seed=seed, judge="openai:stub", raters=["anna", "ben"])

    items = draw(1)
    drawn = Counter(item.stratum for item in items)
    assert all(item.stratum_drawn == drawn[item.stratum] for item in items)
    most = max(drawn.values())
    for item in items:
        assert drawn[item.stratum] >= min(most - 1, item.stratum_size)
    assert {item.merged for item in items if item.kind == "pair"} == {True, False}
    assert draw(1) == items
    assert {item.code for item in draw(2)}.isdisjoint(item.code for item in items)
    everything = draw(1, n=10**6)
    assert (
        len(everything)
        == len({item.code for item in everything})
        == sum({item.stratum: item.stratum_size for item in everything}.values())
    )


def test_sheets_are_blind_and_in_an_order_of_their_own(sheets: tuple[Refined, Path]) -> None:
    refined, folder = sheets
    anna, ben = rows_of(folder / "anna.csv"), rows_of(folder / "ben.csv")

    assert sorted(row["item"] for row in anna) == sorted(row["item"] for row in ben)
    assert [row["item"] for row in anna] != [row["item"] for row in ben]
    assert [row["kind"] for row in anna[:3]] == ["tie"] * 3
    assert {row["rater"] for row in anna} == {"anna"}
    items = items_of(refined.run)
    assert {row["text"] for row in anna if row["kind"] != "tie"} <= {
        text for item in items.values() for text in item.texts
    }
    whole = (folder / "anna.csv").read_text("utf-8-sig")
    for one in refined.opinions():
        for secret in (one.id, one.talk, *one.requests):
            assert secret not in whole
    assert not any(word in whole for word in ("entail", "contradict", "irrelevant", "merged", "dropped", "cosine"))
    assert all(row[name] == "" for row in anna for name in ("authenticity", "stance", "stereotype", "same", "tie"))
    assert "Fill in **your own** sheet" in (folder / "INSTRUCTIONS.md").read_text("utf-8")


def test_two_who_see_what_the_judge_sees_validate_it(sheets: tuple[Refined, Path]) -> None:
    refined, folder = sheets
    items = items_of(refined.run)
    assert document("samples", "annotate", "report", "--run", refined.run)["standing"] == "unvalidated"
    for rater, tie in (("anna", "grew up there"), ("ben", "None")):
        fill(folder / f"{rater}.csv", items, agreeing, tie=tie)
    rated = document("samples", "annotate", "import", folder / "anna.csv", folder / "ben.csv", "--run", refined.run)
    found = document("samples", "annotate", "report", "--run", refined.run)

    assert [(one["rater"], one["ratings"]) for one in rated] == [("anna", len(items)), ("ben", len(items))]
    judged = [item for item in items.values() if item.verdict is not None and item.side is not None]
    (judge,) = found["judges"]
    assert (judge["judge"], judge["items"], judge["undecided"]) == ("openai:stub", len(judged), 0)
    assert [judge[name]["value"] for name in ("agreement", "agreement_in_run", "kappa")] == [1, 1, 1]
    verdicts = Counter(item.verdict for item in judged)
    assert judge["confusion"] == {
        said: {people: verdicts[said] if said == people else 0 for people in ("entail", "contradict", "irrelevant")}
        for said in ("entail", "contradict", "irrelevant")
    }
    merged, other = found["pairs"]
    assert (merged["merged"], merged["same"], merged["undecided"]) == (True, merged["pairs"], 0)
    assert (other["merged"], other["same"]) == (False, 0)
    assert found["ties"][0] == {
        "culture": "arabic", "tie": "grew up there", "raters": 1, "stereotypes": 0.0, "authenticity": 4.0,
        "ratings": sum(item.culture == "arabic" for item in items.values()),
    }  # fmt: skip
    assert found["standing"] == f"kappa 1.00 on {len(judged)} human labels"
    # All agree, so alpha is 1 where more than one thing was said and not defined where everybody said 4.
    assert {one["name"]: one["alpha"]["value"] for one in found["measures"]} == {
        "authenticity": None, "stance": 1.0, "stereotype": None, "same": 1.0,
    }  # fmt: skip
    listed = document("samples", "list", "--run", refined.run)
    assert {one["judge"] for one in listed} == {found["standing"]}
    assert f"judge {found['standing']}" in command("samples", "explain", listed[0]["id"], "--run", refined.run)
    text = command("samples", "annotate", "report", "--run", refined.run)
    assert f"judge openai:stub: {found['standing']}" in text
    assert "Cohen's kappa" in text


def test_raters_who_disagree_decide_nothing(sheets: tuple[Refined, Path]) -> None:
    refined, folder = sheets
    items = items_of(refined.run)
    fill(folder / "anna.csv", items, agreeing)
    fill(
        folder / "ben.csv",
        items,
        lambda item: {"same": "same"} if item.kind == "pair" else {**agreeing(item), "stance": "mid"},
    )
    command("samples", "annotate", "import", folder / "anna.csv", folder / "ben.csv", "--run", refined.run)
    found = document("samples", "annotate", "report", "--run", refined.run)

    sure = [
        item for item in items.values() if item.kind == "opinion" and item.side is not None and item.verdict is not None
    ]
    agreed = sum(agreeing(item)["stance"] == "mid" for item in sure)
    assert (found["judges"][0]["items"], found["judges"][0]["undecided"]) == (agreed, len(sure) - agreed)
    assert found["pairs"][1]["undecided"] == found["pairs"][1]["pairs"]
    assert found["standing"] == "unvalidated"


def test_another_judge_is_not_validated_by_what_was_said_of_this_one(sheets: tuple[Refined, Path]) -> None:
    refined, folder = sheets
    for rater in ("anna", "ben"):
        fill(folder / f"{rater}.csv", items_of(refined.run), agreeing)
    command("samples", "annotate", "import", folder / "anna.csv", folder / "ben.csv", "--run", refined.run)
    command("refine", "--all", "--run", refined.run, "--judge-model", "openai:other")

    store = open_store(refined.run, create=False)
    known = standing(store, load_opinions(store))
    store.close()
    assert (known.judge, known.words) == ("openai:other", "unvalidated")


def edited(row: dict[str, str], change: dict[str, str]) -> dict[str, str]:
    return {**row, **change}


@pytest.mark.parametrize(
    ("kind", "change", "problem"),
    [
        ("opinion", {"authenticity": ""}, "authenticity is missing on line LINE"),
        ("tie", {"tie": ""}, "tie is missing on line LINE"),
        ("opinion", {"authenticity": "6"}, "line LINE: authenticity = '6'; write 1, 2, 3, 4, 5"),
        ("opinion", {"stance": "abov"}, "line LINE: stance = 'abov'; write below, mid, above, unsure, cannot tell"),
        ("opinion", {"same": "same"}, "line LINE: same = 'same', which is not asked of opinion rows"),
        ("pair", {"same": "yes"}, "line LINE: same = 'yes'; write same, different"),
        ("tie", {"tie": "cousin"}, "line LINE: tie = 'cousin'; write grew up there, lived there, family from there, studied it, none"),
        ("opinion", {"item": "zzzzzzzz"}, "line LINE: no item 'zzzzzzzz' on this sheet; 1 of the sheet's items are not in the file (ITEM)"),
    ],
)  # fmt: skip
def test_sheets_that_are_not_filled_in_are_refused_by_line(
    sheets: tuple[Refined, Path], kind: str, change: dict[str, str], problem: str
) -> None:
    refined, folder = sheets
    path = folder / "anna.csv"
    fill(path, items_of(refined.run), agreeing)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    place = next(place for place, row in enumerate(rows) if row["kind"] == kind)
    item = rows[place]["item"]
    rows[place] |= change
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)

    line = mistake("samples", "annotate", "import", path, "--run", refined.run)

    expected = problem.replace("LINE", str(place + 2)).replace("ITEM", item)
    assert line == f"{path}: {expected}; correct the sheet and import it again"
    assert document("samples", "annotate", "report", "--run", refined.run)["ratings"] == 0


def test_missing_lines_are_told_as_ranges_and_items_that_stand_twice_with_both_lines(
    sheets: tuple[Refined, Path],
) -> None:
    refined, folder = sheets
    lines = (folder / "anna.csv").read_text("utf-8-sig").splitlines()
    (folder / "anna.csv").write_text("\n".join([*lines, lines[1]]) + "\n", encoding="utf-8")

    line = mistake("samples", "annotate", "import", folder / "anna.csv", "--run", refined.run)

    assert f"{folder}/anna.csv: tie is missing on line 2-4" in line
    assert f"line {len(lines) + 1}: item 'tie:arabic' stands on line 2 too" in line


def test_a_rater_is_asked_once(sheets: tuple[Refined, Path], tmp_path: Path) -> None:
    refined, folder = sheets
    run = ("--run", refined.run)
    anna = folder / "anna.csv"
    fill(anna, items_of(refined.run), agreeing)
    copy = tmp_path / "again.csv"
    copy.write_bytes(anna.read_bytes())

    assert mistake("samples", "annotate", "import", anna, copy, *run) == (
        f"{copy}: anna's ratings are in {anna} already; import one of them"
    )
    assert document("samples", "annotate", "report", *run)["ratings"] == 0
    command("samples", "annotate", "import", anna, *run)
    assert mistake("samples", "annotate", "import", copy, *run) == (
        f"{copy}: anna's ratings are in the run already; --replace takes the new one"
    )
    before = document("samples", "annotate", "report", *run)
    command("samples", "annotate", "import", copy, "--replace", *run)
    assert document("samples", "annotate", "report", *run) == before
    sheet = before["awaited"][0].partition("(")[2]
    assert before["awaited"] == [f"ben ({sheet}"]


@pytest.mark.parametrize(
    ("raters", "message"),
    [
        ("anna", "--raters anna: agreement needs at least two people; name them, e.g. --raters anna,ben"),
        ("anna,Anna", "--raters: 'anna' stands there twice"),
        ("anna,../ben", "--raters: '../ben' cannot name a file; use letters, digits and dashes"),
    ],
)
def test_raters_have_to_be_two_people(raters: str, message: str, refined_once: Refined, tmp_path: Path) -> None:
    assert (
        mistake("samples", "annotate", "sheet", "--run", refined_once.run, "--out", tmp_path, "--raters", raters)
        == message
    )


def test_sheets_in_a_folder_are_not_overwritten(sheets: tuple[Refined, Path]) -> None:
    refined, folder = sheets
    before = (folder / "anna.csv").read_bytes()
    again = ("samples", "annotate", "sheet", "--run", refined.run, "--out", folder, "--raters", "anna,ben", "--n", 80)

    assert (
        mistake(*again)
        == f"{folder}: is not empty, and may hold ratings; choose another --out, or overwrite with --force"
    )
    command(*again, "--force")
    assert (folder / "anna.csv").read_bytes() == before


def test_a_sheet_of_somebody_else_or_of_another_run_is_refused(sheets: tuple[Refined, Path], tmp_path: Path) -> None:
    refined, folder = sheets
    text = (folder / "anna.csv").read_text("utf-8-sig")
    foreign = tmp_path / "carl.csv"
    foreign.write_text(text.replace('"anna"', '"carl"'), encoding="utf-8")
    mixed = tmp_path / "mixed.csv"
    mixed.write_text(text.replace('"anna"', '"ben"', 3), encoding="utf-8")
    other = tmp_path / "other.csv"
    other.write_text("\n".join(text.splitlines()[:4]), encoding="utf-8")
    run = ("--run", refined.run)

    assert mistake("samples", "annotate", "import", foreign, *run) == (
        f"{foreign}: 'carl' is none of the sheet's raters (anna, ben); correct the name"
    )
    assert mistake("samples", "annotate", "import", mixed, *run) == (
        f"{mixed}: the column `rater` names anna, ben; a sheet is one person's, from the first line to the last"
    )
    assert mistake("samples", "annotate", "import", other, *run) == (
        f"{other}: no item of it was given out by this run; is --run right?"
    )
