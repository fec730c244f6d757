"""What makes a question sensitive: every shipped one was looked at, and a folder may say it for its own."""

from pathlib import Path

import pytest

from culturepark.personas.surveys.sensitivity import load_sensitivity, shipped_sensitivity
from culturepark.personas.surveys.survey import load_survey
from culturepark.runtime.errors import CultureParkError

QUESTIONS = load_survey("wvs7").questions


@pytest.mark.parametrize(
    ("question", "tag"),
    [
        ("Q27", "none"), ("Q28", "gender"), ("Q29", "politics"), ("Q34", "immigration"), ("Q36", "sexuality"),
        ("Q38", "none"), ("Q126", "immigration"), ("Q135", "ethnicity"), ("Q137", "crime"), ("Q158", "none"),
        ("Q160", "religion"), ("Q170", "religion"), ("Q197", "surveillance"), ("Q230", "politics"),
    ],
)  # fmt: skip
def test_tags(question: str, tag: str) -> None:
    assert load_sensitivity("wvs7", survey="wvs7").of(QUESTIONS[f"wvs7:{question}"]) == tag


def test_every_battery_was_looked_at_and_every_name_in_the_table_exists() -> None:
    table = shipped_sensitivity()

    assert set(table.batteries) == {question.battery.removeprefix("wvs7:") for question in QUESTIONS.values()}
    assert {f"wvs7:{item}" for item in table.questions} <= set(QUESTIONS)


def test_an_alias_has_the_tag_of_what_it_repeats() -> None:
    alias = QUESTIONS["wvs7:Q36"].model_copy(
        update={"id": "goqa:g0001", "battery": "goqa:g0001", "same_as": "wvs7:Q36"}
    )

    assert load_sensitivity("elsewhere", survey="goqa").of(alias) == "sexuality"
    assert load_sensitivity("elsewhere", survey="goqa").of(alias.model_copy(update={"same_as": None})) == "none"


def test_a_folder_has_a_table_of_its_own(tmp_path: Path) -> None:
    question = QUESTIONS["wvs7:Q27"]
    assert load_sensitivity(str(tmp_path), survey="wvs7").of(question) == "none"
    (tmp_path / "sensitivity.yaml").write_text("questions: {Q27: health}", encoding="utf-8")
    assert load_sensitivity(str(tmp_path), survey="wvs7").of(question) == "health"
    (tmp_path / "sensitivity.yaml").write_text("questions: {Q27: private}", encoding="utf-8")
    with pytest.raises(
        CultureParkError, match=r"sensitivity.yaml: questions.Q27 = 'private': input should be 'religion'"
    ):
        load_sensitivity(str(tmp_path), survey="wvs7")
