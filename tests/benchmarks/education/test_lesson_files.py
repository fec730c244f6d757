"""Lessons come back from both formats as they went out; withdrawn ones from neither; mistakes name their line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturepark.benchmarks.education.lesson import Guess, Lesson
from culturepark.benchmarks.education.lesson_files import read_lessons, write_lessons
from tests.benchmarks.education.hand_written import lesson, lines
from tests.commands import mistake

FRACTIONS = st.none() | st.floats(0, 1)
TWO = st.builds(lambda share, spread: {"share": share, "spread": spread}, FRACTIONS, FRACTIONS)
WHOLE = st.floats(0, 1).map(lambda share: {"shares": {1: share, 2: 1 - share}})


@st.composite
def lessons(draw: st.DrawFn) -> Lesson:
    forms = [
        tuple(Guess(question=f"wvs7:{letter}{place}", **draw(TWO | WHOLE)) for place in range(draw(st.integers(1, 3))))
        for letter in "AB"
    ]
    return Lesson(
        id=draw(st.text("abcdefgh0123456789", min_size=4, max_size=12)),
        consent=draw(st.sampled_from(["1", "2b", "=3"])),
        adult=True,
        culture="turkish",
        country="TUR",
        arm=draw(st.sampled_from(["culture_model", "base_model", "survey_table"])),
        order=draw(st.sampled_from(["AB", "BA"])),
        status="complete",
        exchanges=draw(st.integers(0, 99)),
        before=forms[0],
        after=forms[1],
        sheet=draw(st.dictionaries(st.sampled_from(["again", "clear"]), st.none() | st.integers(1, 5))),
    )


@given(st.lists(lessons(), max_size=4, unique_by=lambda one: one.id), st.sampled_from(["csv", "jsonl"]))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, them: list[Lesson], kind: str) -> None:
    path = tmp_path_factory.mktemp("lessons") / f"lessons.{kind}"

    write_lessons(them, path)

    assert read_lessons([path]).lessons == sorted(them, key=lambda one: one.id)


def test_a_withdrawn_lesson_is_in_no_file(tmp_path: Path) -> None:
    first, later, table = tmp_path / "june.jsonl", tmp_path / "july.jsonl", tmp_path / "august.csv"
    first.write_text(lines(lesson("aaaa", tmp_path), lesson("bbbb", tmp_path), lesson("cccc", tmp_path)), "utf-8")
    later.write_text(lines({"id": "aaaa", "withdrawn": True}), encoding="utf-8")
    table.write_text("id;withdrawn\ncccc;yes\n", encoding="utf-8")

    read = read_lessons([first, later, table])

    assert [one.id for one in read.lessons] == ["bbbb"]
    assert read.withdrawn == 2


HEAD = "id,consent,adult,culture,country,arm,order,status,part,item,share,spread,shares,rating\n"
FACTS = "aaaa,1,true,turkish,TUR,base_model,AB,unfinished"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        pytest.param("l.jsonl", '{"id": "aaaa"', "{file}:1: not JSON (Expecting ',' delimiter); a lesson stands on one line", id="no-json"),
        pytest.param("l.jsonl", "[" * 100_000, "{file}:1: not JSON (maximum recursion depth exceeded while decoding a JSON array from a unicode string); a lesson stands on one line", id="nested"),
        pytest.param("l.jsonl", "[]\n", "{file}:1: expected a lesson, found list", id="no-lesson"),
        pytest.param("l.jsonl", "\n", "there are no lessons in these files; `culturepark education export` writes a run's", id="empty"),
        pytest.param("l.jsonl", lines(lesson("aaaa", Path("t"), name="Ann")), "{file}:1: unknown field 'name'; known: adult, after, arm, before, consent, country, culture, exchanges, id, order, schema_version, sheet, status, survey", id="a-name"),
        pytest.param("l.jsonl", lines(lesson("aaaa", Path("t"), adult=False)), "{file}:1: adult = False: input should be True", id="no-adult"),
        pytest.param("l.jsonl", lines(lesson("aaaa", Path("t"), schema_version=2)), "{file}:1: schema_version = 2: input should be 1", id="other-version"),
        pytest.param("l.jsonl", lines(lesson("aaaa", Path("t"), sheet={"again": 6})), "{file}:1: sheet.again = 6: input should be 1, 2, 3, 4 or 5", id="six-of-five"),
        pytest.param("l.jsonl", lines(lesson("aaaa", Path("t"), after=[])), "{file}:1: lesson aaaa is complete without a second form; its status is unfinished", id="no-second-form"),
        pytest.param("l.jsonl", lines(lesson("aaaa", Path("t"), after=[{"question": "tiny:H3"}])), "{file}:1: lesson aaaa asks tiny:H3 twice; its forms share no question", id="same-question"),
        pytest.param("l.jsonl", lines(lesson("aaaa", Path("t")), lesson("aaaa", Path("t"))), "{file}:2: lesson aaaa stands in {file}:1 already; give each file once", id="twice"),
        pytest.param("l.jsonl", lines(lesson("aaaa", Path("t"), before=[{"question": "q", "shares": {"1": 0.5, "2": 0.4}}])), "{file}:1: before.0: q: shares add up to 0.9, not 1 (and 1 more)", id="shares"),
        pytest.param("l.jsonl", lines(lesson("aaaa", Path("t"), before=[{"question": "q", "share": 0.5, "shares": {"1": 1}}])), "{file}:1: before.0: q: give either shares of every answer, or share and spread (and 1 more)", id="both"),
        pytest.param("l.csv", f"id,consent,adult,culture,country,arm,order,status,exchanges,part,item\n{FACTS},{'9' * 5000},before,q\n", f"{{file}}:2: exchanges = '{'9' * 5000}': unable to parse input string as an integer, exceeded maximum size", id="too-long-a-number"),
        pytest.param("l.csv", HEAD + f"{FACTS},before,q,half,,,\n", "{file}:2: share = 'half' is no number; leave it empty if open", id="no-number"),
        pytest.param("l.csv", HEAD + f"{FACTS},before,q,40,,,\n", "{file}:2: before.0.share = 40.0: input should be less than or equal to 1 (and 1 more)", id="percent"),
        pytest.param("l.csv", HEAD + f"{FACTS},during,q,,,,\n", "{file}:2: part = 'during', item = 'q'; write before, after, sheet and what it is of", id="part"),
        pytest.param("l.csv", HEAD + f"{FACTS},before,q,,,1-2,\n", "{file}:2: shares = '1-2'; write code:share, e.g. 1:0.4 2:0.6", id="shares-cell"),
        pytest.param("l.csv", HEAD + f"{FACTS},before,q,,,,\n{FACTS},sheet,again,,,,3.5\n", "{file}:2: sheet.again = 3.5: input should be 1, 2, 3, 4 or 5", id="between-points"),
        pytest.param("l.csv", HEAD + f"{FACTS},sheet,again,,,,3\n{FACTS},sheet,again,,,,4\n", "{file}:3: a second rating of 'again' in one lesson; keep one", id="rated-twice"),
        pytest.param("l.csv", HEAD + f"{FACTS},before,q,,,,\n{FACTS.replace('AB', 'BA')},before,r,,,,\n", "{file}:3: order = 'BA' of lesson aaaa differs from {file}:2", id="two-orders"),
        pytest.param("l.csv", "code,share\n", "{file}: no column 'id'; expected id, found code, share", id="no-column"),
    ],
)  # fmt: skip
def test_bad_files_are_one_line(tmp_path: Path, name: str, text: str, line: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")

    assert mistake("education", "score", path) == line.replace("{file}", str(path))


def test_an_open_answer_is_an_empty_cell(tmp_path: Path) -> None:
    path = tmp_path / "lessons.csv"
    fields: dict[str, Any] = lesson("aaaa", Path("wvs7"), before=[{"question": "wvs7:Q158"}], sheet={"again": None})
    write_lessons([Lesson.model_validate(fields)], path)

    rows = path.read_text("utf-8-sig").splitlines()

    assert rows[1].endswith('"","before","wvs7:Q158","","","",""')
    assert rows[3].endswith('"","sheet","again","","","",""')
