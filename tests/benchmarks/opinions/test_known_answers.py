"""Known answers: endpoints that answer as a country, another one, nobody or the USA do get the scores they must get."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from culturepark.cli import app
from culturepark.personas.culture import Culture
from culturepark.personas.question import Question
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.heldout import held_out_distribution
from culturepark.personas.surveys.survey import load_survey
from tests.stub_server import serving

ROSTER, SURVEY = load_roster(), load_survey("wvs7")
CULTURES = [ROSTER.cultures[name] for name in ROSTER.delegate_cultures]
HELD_OUT = [question for question in SURVEY.questions.values() if question.split == "held-out"]
OTHER = {one.id: other.id for one, other in zip(CULTURES, CULTURES[1:] + CULTURES[:1], strict=True)}
Chooser = Callable[[Culture], str | None]


def read_prompt(body: Mapping[str, Any]) -> tuple[Culture, Question, dict[str, int]]:
    """Whom a prompt asks, what, and which code each number shown stands for."""
    system, user = (message["content"] for message in body["messages"])
    culture = next(one for one in CULTURES if one.country_name in system)
    question = next(one for one in HELD_OUT if one.text["en"] in user)
    shown = re.findall(r"^(\d+)(?:: (.+))?$", user, re.MULTILINE)
    labels, codes = question.scale.labels, question.scale.codes
    if len(labels) == len(codes):
        by_label = {label: code for code, label in labels.items()}
        return culture, question, {number: by_label[label] for number, label in shown}
    forward = shown[0][1] == labels[codes[0]]
    return (
        culture,
        question,
        {number: code for (number, _), code in zip(shown, codes if forward else codes[::-1], strict=True)},
    )


def shares_of(body: Mapping[str, Any], country_for: Chooser) -> dict[str, float]:
    culture, question, codes = read_prompt(body)
    country = country_for(culture)
    found = held_out_distribution(SURVEY, question.id, country) if country else None
    if found is None:
        return dict.fromkeys(codes, 1 / len(codes))
    return {number: found.shares[code] for number, code in codes.items()}


def home(name: str) -> str:
    return ROSTER.cultures[name].country


COUNTRIES: dict[str, Chooser] = {
    "own": lambda culture: culture.country,
    "other": lambda culture: home(OTHER[culture.id]),
    "uniform": lambda _: None,
    "usa": lambda _: "USA",
}


@pytest.mark.slow
@pytest.mark.parametrize("who", COUNTRIES)
def test_endpoints_with_known_answers(tmp_path: Path, who: str) -> None:
    """All twenty held-out questions of all eight cultures, through the command line."""
    with serving(shares=lambda body: shares_of(body, COUNTRIES[who]), keep_bodies=False) as stub:
        result = CliRunner().invoke(
            app,
            ["bench", "opinions", "--model", "openai:stub", "--base-url", stub.base_url, "--run", str(tmp_path / "run"),
             "--prompt-language", "en", "--limit", "160", "--json"],
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["results"][0]

    scores = {score["name"].partition(" (wvs7")[0]: score["value"] for score in found["scores"]}
    cells = next(score["n"] for score in found["scores"] if score["name"].startswith("similarity (wvs7"))
    assert cells == sum(SURVEY.was_asked(one.id, culture.country) for one in HELD_OUT for culture in CULTURES)
    if who == "own":
        assert scores["similarity"] == pytest.approx(scores["ceiling"], abs=0.02)
        assert scores["skill"] == pytest.approx(1, abs=0.1)
        assert scores["diagonal wins"] == 1
        assert scores["variance ratio"] == pytest.approx(1, abs=1e-6)
        assert scores["answer flips"] == 0
        assert scores["probability of the options"] == pytest.approx(1)
    elif who == "uniform":
        assert scores["similarity"] == pytest.approx(scores["uniform"], abs=1e-9)
        assert scores["skill"] == pytest.approx(0, abs=1e-9)
        assert scores["diagonal wins"] == pytest.approx(1 / 8)
    elif who == "usa":
        assert scores["similarity"] == pytest.approx(scores["answers of the USA"], abs=1e-9)
        assert scores["diagonal wins"] == pytest.approx(1 / 8)
    else:
        assert scores["diagonal wins"] == 0
        assert scores["uniform"] < scores["similarity"] < scores["ceiling"] - 0.05
