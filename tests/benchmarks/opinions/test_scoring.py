"""Scores by hand: skill, ratios, how new a question is, and each source in a column of its own."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from typer.testing import CliRunner

from culturepark.benchmarks.opinions.measuring import CellKey, Opinion
from culturepark.benchmarks.opinions.scoring import Cell, novelty_of, ratio, score_cell, skill
from culturepark.cli import app
from culturepark.personas.surveys.survey import Distribution, load_survey
from tests.commands import command
from tests.stub_server import serving

SURVEY = load_survey("wvs7")
QUESTION = next(
    one
    for one in SURVEY.questions.values()
    if one.split == "held-out" and len(one.scale.codes) == 4 and one.scale.ordinal
)
COUNTS = {"JOR": [1, 2, 3, 4], "KOR": [4, 3, 2, 1], "TUR": [1, 1, 1, 1]}


def people(question: str, country: str) -> Distribution | None:
    """Shares of three countries, exactly known."""
    if country not in COUNTS:
        return None
    counts = {code: float(count) for code, count in zip(QUESTION.scale.codes, COUNTS[country], strict=True)}
    return Distribution(question=question, country=country, counts=counts, counted="shares")


def near(one: list[float], other: list[float]) -> float:
    return 1 - float(jensenshannon(one, other, base=2))


def test_a_cell_by_hand() -> None:
    mine = [0.4, 0.3, 0.2, 0.1]

    cell = score_cell(
        CellKey("arabic", QUESTION.id), Opinion(np.array(mine), None), question=QUESTION, country="JOR", people=people,
        countries=["JOR", "KOR", "TUR"], novelty="new battery", seed=0,
    )  # fmt: skip

    assert cell is not None
    assert cell.similarity == cell.plain == pytest.approx(near(mine, [0.1, 0.2, 0.3, 0.4]))
    assert cell.ceiling == pytest.approx(1)  # the people are known exactly, and so is the model
    assert cell.uniform == pytest.approx(near([0.25] * 4, [0.1, 0.2, 0.3, 0.4]))
    # The average leaves the country itself out: of 0.4 0.3 0.2 0.1 and four quarters.
    assert cell.average == pytest.approx(near([0.325, 0.275, 0.225, 0.175], [0.1, 0.2, 0.3, 0.4]))
    assert cell.usa is None
    assert cell.w1 == pytest.approx((0.3 + 0.4 + 0.3) / 3)
    assert cell.variance == cell.variance_people == pytest.approx(1.0)


def cell(similarity: float, uniform: float, ceiling: float) -> Cell:
    return Cell(
        culture="arabic", country="JOR", question="q", battery="b", novelty="new battery", similarity=similarity,
        plain=similarity, ceiling=ceiling, uniform=uniform, average=uniform, usa=None, w1=None, variance=None,
        variance_people=None,
    )  # fmt: skip


def test_skill_is_a_ratio_of_means() -> None:
    cells = [cell(0.7, 0.6, 1.0), cell(0.9, 0.8, 1.0)]

    found = skill(cells, lambda one: one.similarity)

    assert np.mean(found) == pytest.approx((0.1 + 0.1) / (0.4 + 0.2))
    # 1/3 plus (0.1 - 1/3 * 0.4) / 0.3 and (0.1 - 1/3 * 0.2) / 0.3
    assert found == pytest.approx([1 / 3 - 1 / 9, 1 / 3 + 1 / 9])
    assert np.mean(skill(cells, lambda one: one.ceiling)) == pytest.approx(1)
    assert skill(cells, lambda one: one.uniform) == pytest.approx([0, 0])
    assert np.mean(ratio([1, 3], [2, 2])) == pytest.approx(1)


def test_how_new_a_question_is() -> None:
    seeds = [one for one in SURVEY.questions.values() if one.split == "seed"]
    foreign = QUESTION.model_copy(update={"id": "goqa:1", "source": "goqa", "battery": "goqa:1"})

    assert novelty_of(seeds[0], None, seeds) == "same battery"
    assert novelty_of(QUESTION, None, seeds) == "new battery"
    assert novelty_of(foreign, None, seeds) == "new source"
    assert novelty_of(foreign, QUESTION, seeds) == "new battery"  # it repeats a question of the survey
    assert novelty_of(foreign, seeds[0], seeds) == "same battery"


@pytest.mark.slow
def test_each_source_is_a_column_of_its_own(shared_data: Path, tmp_path: Path) -> None:
    command("surveys", "import-goqa", shared_data / "opinion/goqa_slice.csv", "--out", tmp_path / "goqa")

    def shares(body: Mapping[str, Any]) -> dict[str, float]:
        numbers = re.findall(r"^(\d+)(?:: .+)?$", body["messages"][-1]["content"], re.MULTILINE)
        return dict.fromkeys(numbers, 1 / len(numbers))

    with serving(shares=shares) as stub:
        result = CliRunner().invoke(
            app,
            ["bench", "opinions", "--model", "openai:stub", "--base-url", stub.base_url, "--run", str(tmp_path / "run"),
             "--culture", "arabic,turkish", "--limit", "8", "--set", f"wvs7,{tmp_path / 'goqa'}", "--json",
             "--prompt-language", "en"],
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)["results"]

    columns = {score["name"].partition(" (")[2] for score in found["scores"] if score["name"].startswith("skill (")}
    assert "wvs7, en, new battery)" in columns
    assert any(column.startswith("goqa, en, ") for column in columns)
    assert all(score["value"] == pytest.approx(0) for score in found["scores"] if score["name"].startswith("skill ("))
    # Only the shipped survey tells who gave no answer.
    assert [table["title"] for table in found["tables"] if table["title"].startswith("refusals")] == [
        "refusals beside people's don't-knows (wvs7, en)"
    ]
