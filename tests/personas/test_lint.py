"""`personas lint` finds each slip at its line, and nothing in what ships."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from culturepark.cli import app
from culturepark.personas.lint import lint
from culturepark.personas.surveys.survey import load_survey

GREEK = """culture:
  id: greek
  people: Greek
  language: el
  country: USA
  country_name: the United States
  hofstede: Greece
personas:
  - name: Nikos
    gender: male
    background: He mends boats.
  - name: Eleni
    gender: female
    background: She bakes.
"""


def found(folder: Path, text: str) -> list[str]:
    (folder / "greek.yaml").write_text(text, encoding="utf-8")
    return [f"{one.line} {one.level} {one.rule}: {one.what}; {one.fix}" for one in lint([folder], load_survey("wvs7"))]


def test_nothing_is_wrong_with_what_ships() -> None:
    assert lint([], load_survey("wvs7")) == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", []),
        ("USA\n  country_name: the United States", "GRC\n  country_name: Greece",
         ["5 error no_grounding: culture 'greek' has no grounding: the survey has no answers of GRC; import them (`surveys "
          "import-wvs FILE --out FOLDER`) and give the folder with --source"]),
        ("country: USA", "country: USB", ["5 error country_code: 'USB' is no ISO 3166 alpha-3 country code; the United "
                                          "States is USA"]),
        ("the United States", "Greece", ["6 error country_code: Greece is GRC, and the grounding country is USA; make them "
                                         "agree"]),
        ("language: el", "language: xx", ["4 error language_code: language 'xx': 'xx' stands in no ISO table; write a BCP 47 "
                                          "tag, e.g. el or pt-BR"]),
        ("language: el", "language: el-XQ", ["4 error language_code: language 'el-XQ': 'XQ' stands in no ISO table; write a "
                                             "BCP 47 tag, e.g. el or pt-BR"]),
        ("language: el", "language: zh-Hant-TW", []),
        ("language: el", "language: grc", []),
        ("gender: female", "gender: male", [
            "1 error one_gender: culture 'greek' has no female persona, so casts of alternating genders cannot be seated; "
            "add one with `gender: female`",
            "14 warning pronoun: background of greek_eleni begins with 'She', and the persona is male; write it for this "
            "persona"]),
        ("name: Eleni", "name: Jill", []),
        ("name: Eleni", "name: Lilly", ["12 warning close_names: the name 'Lilly' is all but that of english_lily (Lily); "
                                        "choose one that a model cannot confuse with it"]),
        ("name: Eleni", "name: María", ["12 warning close_names: the name 'María' is all but that of portuguese_maria "
                                        "(Maria); choose one that a model cannot confuse with it",
                                        "12 warning close_names: the name 'María' is all but that of spanish_maria (María); "
                                        "choose one that a model cannot confuse with it"]),
        ("She bakes.", "She bakes Turkish bread.", [
            "14 warning other_culture: background of greek_eleni names 'Turkish', and the views are grounded in the United "
            "States; keep it if that is meant, e.g. a journey"]),
        ("She bakes.", "She bakes in Iceland.", [
            "14 warning other_culture: background of greek_eleni names 'Iceland', and the views are grounded in the United "
            "States; keep it if that is meant, e.g. a journey"]),
        ("She bakes.", "She came to the United States as a Greek girl.", []),
        ("She bakes.", "She thinks that children obey.", [
            "14 warning opinion: background of greek_eleni holds an opinion ('thinks'), which may fight the stance from the "
            "survey; tell facts of life; stances are assigned"]),
        ("    background: She bakes.\n", "    instructions: ' '\n", [
            "12 warning empty: greek_eleni has no background, so it talks in generalities; add town, work and family",
            "14 warning empty: instructions is empty; fill it or leave it out"]),
        ("She bakes.", "She bakes.\n    traits: {hom: Volos, age: 39}", [
            "15 warning unused_trait: there is a trait 'hom', and no text mentions it; mention it as {hom} in the "
            "background"]),
        ("She bakes.", "She bakes.\n    variants: {age: [25, 60]}", [
            "15 warning unused_trait: variants vary 'age', and no text mentions it; mention it as {age} in the background"]),
        ("She bakes.", "She bakes at {age}.\n    variants: {age: [25, 60]}", []),
        ("She bakes.", "She bakes.\n    backgrund: x", ["15 error unknown_field: unknown field 'backgrund'; did you mean "
                                                        "'background'?"]),
        ("name: Eleni", "name: nikos", ["12 error same_id: two personas have the id 'greek_nikos' (the other in line 9); "
                                        "rename one"]),
    ],
)  # fmt: skip
def test_each_slip_is_found_at_its_line(old: str, new: str, expected: list[str], tmp_path: Path) -> None:
    assert sorted(found(tmp_path, GREEK.replace(old, new))) == sorted(expected)


def test_every_file_is_checked_and_only_the_users(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("", encoding="utf-8")
    (tmp_path / "list.yml").write_text("[]", encoding="utf-8")
    (tmp_path / "turkish.yaml").write_text(
        "culture: {id: turkish}\npersonas: [{name: Ayşe, background: x, bakground: y}]", encoding="utf-8"
    )
    (tmp_path / "greek.yaml").write_text(GREEK, encoding="utf-8")

    files = [(Path(one.file).name, one.rule) for one in lint([tmp_path], load_survey("wvs7"))]

    assert files == [("empty.yaml", "yaml"), ("list.yml", "shape"), ("turkish.yaml", "unknown_field")]


def test_the_command_exits_1_on_errors_and_prints_lines_or_one_document(tmp_path: Path) -> None:
    path = tmp_path / "greek.yaml"
    path.write_text(
        GREEK.replace("language: el", "language: xx").replace("name: Eleni", "name: Lilly"), encoding="utf-8"
    )

    lines = CliRunner().invoke(app, ["personas", "lint", str(tmp_path)])
    document = CliRunner().invoke(app, ["personas", "lint", str(tmp_path), "--json"])

    assert lines.exit_code == document.exit_code == 1
    assert lines.stdout.splitlines() == [
        f"{path}:4: error: language 'xx': 'xx' stands in no ISO table; write a BCP 47 tag, e.g. el or pt-BR  "
        "[language_code]",
        f"{path}:12: warning: the name 'Lilly' is all but that of english_lily (Lily); choose one that a model cannot "
        "confuse with it  [close_names]",
        "1 error(s), 1 warning(s)",
    ]
    assert [(one["line"], one["level"], one["rule"]) for one in json.loads(document.stdout)] == [
        (4, "error", "language_code"),
        (12, "warning", "close_names"),
    ]
    path.write_text(GREEK, encoding="utf-8")
    assert CliRunner().invoke(app, ["personas", "lint", str(tmp_path)]).exit_code == 0
