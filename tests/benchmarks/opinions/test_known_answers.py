"""Known answers: endpoints that answer as a country, another one, nobody or the USA do get the scores they must get."""

import math
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
from tests import stub_server
from tests.stub_server import serving

ROSTER, SURVEY = load_roster(), load_survey("wvs7")
CULTURES = [ROSTER.cultures[name] for name in ROSTER.delegate_cultures]
SHORT = [
    question
    for question in SURVEY.questions.values()
    if question.split == "held-out" and len(question.scale.codes) < 10
]
OTHER = {one.id: other.id for one, other in zip(CULTURES, CULTURES[1:] + CULTURES[:1], strict=True)}
Chooser = Callable[[Culture], str | None]


def read_prompt(body: Mapping[str, Any]) -> tuple[Culture, Question, dict[str, int]]:
    """Whom a prompt asks, what, and which code each number shown stands for."""
    system, user = (message["content"] for message in body["messages"])
    culture = next(one for one in CULTURES if one.country_name in system)
    question = next(one for one in SHORT if one.text["en"] in user)
    shown = re.findall(r"^(\d+): (.+)$", user, re.MULTILINE)
    codes = {label: code for code, label in question.scale.labels.items()}
    return culture, question, {number: codes[label] for number, label in shown}


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


def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, country_for: Chooser) -> dict[str, Any]:
    """Run the suite through the command line, on the questions whose answers have different first tokens."""

    def logprobs(body: Mapping[str, Any], _: str) -> dict[str, Any]:
        top = [
            {"token": number, "logprob": math.log(max(share, 1e-12)), "bytes": None}
            for number, share in shares_of(body, country_for).items()
        ]
        return {"content": [{**top[0], "top_logprobs": top}], "refusal": None}

    # The model's words and its log-probabilities; everything else is the real thing.
    monkeypatch.setattr(stub_server, "logprobs", logprobs)

    def answer(body: Mapping[str, Any]) -> str:
        shares = shares_of(body, country_for)
        return max(shares, key=lambda number: shares[number])

    with serving(answer=answer) as stub:
        result = CliRunner().invoke(
            app,
            ["bench", "opinions", "--model", "openai:stub", "--base-url", stub.base_url, "--run", str(tmp_path / "run"),
             "--prompt-language", "en", "--limit", "64", "--json"],
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    import json

    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("who", COUNTRIES)
def test_endpoints_with_known_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    monkeypatch.setattr("culturepark.benchmarks.opinions.suite._questions_of", lambda *_: SHORT[:2] + SHORT[8:10])

    found = bench(tmp_path, monkeypatch, COUNTRIES[who])["results"][0]

    scores = {score["name"].partition(" (")[0]: score["value"] for score in found["scores"]}
    if who == "own":
        assert scores["similarity"] == pytest.approx(scores["ceiling"], abs=0.02)
        assert scores["skill"] == pytest.approx(1, abs=0.1)
        assert scores["diagonal wins"] == 1
        assert scores["variance ratio"] == pytest.approx(1, abs=1e-6)
    elif who == "uniform":
        assert scores["similarity"] == pytest.approx(scores["uniform"], abs=1e-9)
        assert scores["skill"] == pytest.approx(0, abs=1e-9)
        assert scores["diagonal wins"] == pytest.approx(1 / 8)
    elif who == "usa":
        assert scores["similarity"] == pytest.approx(scores["answers of the USA"], abs=1e-9)
        assert scores["diagonal wins"] == pytest.approx(1 / 8)
    else:
        assert scores["diagonal wins"] == 0
        assert scores["similarity"] < scores["ceiling"] - 0.05
