"""How often and in which orders a cell is asked, what a limit leaves, and refusals beside people's don't-knows."""

import csv
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from culturepark.benchmarks.opinions.suite import _limited
from culturepark.benchmarks.opinions.variants import Orders, option_orders, variants
from culturepark.benchmarks.task import load_task
from culturepark.cli import app
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.heldout import held_out_nonresponse
from culturepark.personas.surveys.survey import load_survey
from culturepark.training.prompt import question_in
from tests.conftest import ROOT
from tests.stub_server import serving

ROSTER, SURVEY = load_roster(), load_survey("wvs7")
CULTURES = [ROSTER.cultures[name] for name in ROSTER.delegate_cultures]
HELD_OUT = [question for question in SURVEY.questions.values() if question.split == "held-out"]
LABELLED = [one for one in HELD_OUT if len(one.scale.labels) == len(one.scale.codes)]
ENDS_ONLY = [one for one in HELD_OUT if len(one.scale.labels) < len(one.scale.codes)]


@pytest.mark.parametrize(("orders", "times"), [("shifts", 1), ("balanced", 2)])
@pytest.mark.parametrize("question", LABELLED, ids=lambda one: one.id)
def test_every_answer_stands_in_every_place_equally_often(question: Any, orders: Orders, times: int) -> None:
    asked = question_in(SURVEY, question.id, "en")

    found = option_orders(asked, orders)

    for place in range(len(question.scale.codes)):
        assert Counter(order[place] for order in found) == dict.fromkeys(question.scale.codes, times)
    assert len(set(found)) == len(found)


def test_a_scale_with_labelled_ends_is_only_turned_round() -> None:
    asked = question_in(SURVEY, ENDS_ONLY[0].id, "en")

    assert option_orders(asked, "balanced") == [tuple(range(1, 11)), tuple(range(10, 0, -1))]


def test_variants_are_every_order_in_every_wording() -> None:
    asked = question_in(SURVEY, LABELLED[0].id, "ko")

    made = variants(asked, CULTURES[0], task=load_task("culturepark.benchmarks.opinions"), orders="balanced")

    assert len({(one.codes, one.wording) for one in made}) == len(made) == 2 * len(LABELLED[0].scale.codes) * 3
    assert len({one.closed.messages for one in made}) == len(made)


@pytest.mark.parametrize(
    ("limit", "questions", "cultures"), [(None, 20, 8), (160, 20, 8), (20, 2, 8), (24, 3, 8), (8, 1, 8), (3, 1, 3)]
)
def test_a_limit_is_of_cells_and_leaves_as_many_batteries_as_can_be(
    limit: int | None, questions: int, cultures: int
) -> None:
    kept, whose = _limited(SURVEY, HELD_OUT, CULTURES, limit)

    assert (len(kept), len(whose)) == (questions, cultures)
    assert limit is None or len(kept) * len(whose) <= limit
    asked_everywhere = {
        one.battery for one in HELD_OUT if all(SURVEY.was_asked(one.id, culture.country) for culture in CULTURES)
    }
    assert len({one.battery for one in kept} & asked_everywhere) == min(questions, len(asked_everywhere))


def bench(folder: Path, answer: Any, *more: str) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    with serving(answer=answer, logprobs=False) as stub:
        result = CliRunner().invoke(
            app,
            ["bench", "opinions", "--model", "openai:stub", "--base-url", stub.base_url, "--run", str(folder / "run"),
             "--culture", "arabic,korean", "--prompt-language", "en", "--json", *more],
        )  # fmt: skip
        bodies = [body for body in stub.bodies if "logprobs" not in body]
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["results"][0], bodies, result.stderr


def test_refusals_stand_beside_peoples_dont_knows(tmp_path: Path) -> None:
    # As a Korean it refuses every second draw; the stub tells draws apart by their seeds.
    def answer(body: Mapping[str, Any]) -> str:
        korean = "South Korea" in body["messages"][0]["content"]
        return "I'm sorry, I can't answer that." if korean and body["seed"] % 2 else "1"

    found, bodies, told = bench(tmp_path, answer, "--limit", "2")

    sampled = [body for body in bodies if body["temperature"] == 1]
    cell = [body for body in sampled if "South Korea" in body["messages"][0]["content"]]
    assert 100 <= len(cell) == len(sampled) / 2
    assert f"wvs7, en: 2 cells, 0 requests for probabilities and {len(sampled)} for samples\n" in told
    times = Counter(body["messages"][1]["content"] for body in cell)
    assert set(times.values()) == {len(cell) // len(times)}  # every variant as often
    table = next(one for one in found["tables"] if one["title"].startswith("refusals"))
    rows = {row[0]: dict(zip(table["columns"], row, strict=True)) for row in table["rows"]}
    refused = sum(body["seed"] % 2 for body in cell) / len(cell)
    question = next(one for one in HELD_OUT if one.text["en"] in cell[0]["messages"][1]["content"])
    people = {
        name: held_out_nonresponse(SURVEY, question.id, ROSTER.cultures[name].country) for name in ("arabic", "korean")
    }
    valid = counts_of(question.id.partition(":")[2])
    for name, rate in (("arabic", 0.0), ("korean", refused)):
        silent = people[name]
        assert silent is not None
        asked = valid[ROSTER.cultures[name].country] + sum(silent)
        assert rows[name]["model refuses"] == pytest.approx(rate)
        assert rows[name]["people don't know"] == pytest.approx(silent.dont_know / asked)
        assert rows[name]["people give no answer"] == pytest.approx(silent.no_answer / asked)
        assert rows[name]["value"] == pytest.approx(rate - silent.dont_know / asked)
    assert rows["all"]["model refuses"] == pytest.approx(refused / 2)
    assert found["counts"] == {
        "answered": len(sampled) - round(refused * len(cell)), "refused": round(refused * len(cell)), "invalid": 0,
        "failed": 0,
    }  # fmt: skip


def counts_of(question: str) -> dict[str, int]:
    """Valid answers by country, from the shipped file."""
    found: Counter[str] = Counter()
    with (ROOT / "personas/surveys/wvs7/counts.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["question"] == question:
                found[row["country"]] += int(row["count"])
    return dict(found)


def test_every_cell_that_was_asked_has_its_nonresponse() -> None:
    for question in HELD_OUT:
        for culture in CULTURES:
            there = held_out_nonresponse(SURVEY, question.id, culture.country) is not None
            assert there == SURVEY.was_asked(question.id, culture.country)
    with pytest.raises(ValueError, match="is a seed question"):
        held_out_nonresponse(SURVEY, "wvs7:Q27", "JOR")
