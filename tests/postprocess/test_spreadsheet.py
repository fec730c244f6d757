"""No cell of a CSV is a formula, and every text comes back as it was."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturepark.postprocess.spreadsheet import escaped, read_csv, unescaped, write_csv
from culturepark.runtime.errors import CultureParkError

TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=60) | st.text("'=+-@＝\t\r\n ;,\"a\ufeff", max_size=8)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Parents come first.", "Parents come first."),
        ("=HYPERLINK(A1)", "'=HYPERLINK(A1)"),
        ("+1", "'+1"),
        ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\tindented", "'\tindented"),
        ("\r\n=1", "'\r\n=1"),
        ("  =1", "'  =1"),
        ("\u200b=1", "'\u200b=1"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("'tis so", "'tis so"),
        ("'", "'"),
        ("", ""),
        ("- a list", "'- a list"),
        ("5 = 5", "5 = 5"),
    ],
)
def test_cells_that_a_program_could_execute_begin_with_an_apostrophe(text: str, cell: str) -> None:
    assert escaped(text) == cell
    assert unescaped(cell) == text


@given(TEXTS)
def test_escaping_is_undone_exactly_and_leaves_nothing_risky(text: str) -> None:
    cell = escaped(text)

    assert unescaped(cell) == text
    assert cell.strip()[:1] not in set("=+-@＝＋－＠")
    assert cell[:1] not in set("\t\r\n\0")


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_a_file_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("csv") / "sheet.csv"
    write_csv(path, ["a", "b"], [{"a": a, "b": b} for a, b in rows])

    assert [(row["a"], row["b"]) for row in read_csv(path, ["a", "b"])] == rows


def test_the_file_is_utf8_with_a_mark_and_numbers_are_numbers(tmp_path: Path) -> None:
    write_csv(
        tmp_path / "x.csv",
        ["text", "n", "share", "none", "yes"],
        [{"text": "가=1", "n": -1, "share": -0.5, "none": None, "yes": True}],
    )

    assert (
        tmp_path / "x.csv"
    ).read_bytes() == b'\xef\xbb\xbf"text","n","share","none","yes"\r\n"' + "가=1".encode() + b'",-1,-0.5,"","true"\r\n'


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_file_is_read_whatever_it_is_cut_at(delimiter: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        delimiter.join(["a", "b"]) + "\n" + delimiter.join(["'=1", '"x,y;z"']) + "\n", encoding="utf-8"
    )

    assert read_csv(tmp_path / "x.csv", ["a", "b"]) == [{"a": "=1", "b": "x,y;z"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        ("a,b\n1,ü\n".encode("latin-1"), "is no UTF-8 text; save it as `CSV UTF-8` and import that"),
        (b"", "no column 'a'; expected a, b, found none"),
        (b"a;c\n", "no column 'b'; expected a, b, found a, c"),
    ],
)
def test_files_that_are_no_sheet_are_named(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CultureParkError) as caught:
        read_csv(path, ["a", "b"])

    assert str(caught.value) == f"{path}: {message}"
