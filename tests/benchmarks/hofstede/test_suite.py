"""The suite through the command line: paper mode of scripted answers by hand, sound mode averages position away."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from culturepark.benchmarks.hofstede.files import load_items
from culturepark.cli import app
from tests.stub_server import serving

ITEMS, _ = load_items(None)


def item_of(body: Mapping[str, Any]) -> int:
    asked = body["messages"][-1]["content"].split("\n\n")[0]
    return next(number for number, item in ITEMS.items.items() if item.text == asked)


def bench(shared_data: Path, tmp_path: Path, *more: str, answer: Any) -> tuple[dict[str, Any], str]:
    with serving(answer=answer, logprobs=False) as stub:
        result = CliRunner().invoke(
            app,
            ["bench", "hofstede", "--model", "openai:stub", "--base-url", stub.base_url, "--run", str(tmp_path / "run"),
             "--data", str(shared_data), "--culture", "arabic,korean", "--json", *more],
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["results"][0], result.stderr


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(lambda _: "3", [0, 0, 0, 0, 0, 0], id="all-threes"),
        pytest.param(lambda body: str(1 + item_of(body) % 5), [-75, 210, -30, 45, 10, 75], id="one-plus-item-mod-five"),
    ],
)
def test_paper_mode_by_hand(shared_data: Path, tmp_path: Path, answer: Any, expected: list[float]) -> None:
    found, told = bench(shared_data, tmp_path, "--set", "paper", answer=answer)

    rows = {row[0]: row[2:8] for row in found["tables"][0]["rows"]}
    assert rows["arabic"] == rows["korean"] == expected
    assert rows["arabic, Hofstede"] == [80, 38, 53, 68, 23, 34]  # of Arab countries: Jordan lacks four of them
    assert "hofstede, paper: 48 calls" in told
    assert found["notes"][0] == "VSM-style, paraphrased: 24 items in our own words"
    assert "the questionnaire's manual warns" in found["notes"][2]


@pytest.mark.slow
def test_sound_mode_takes_position_away(shared_data: Path, tmp_path: Path) -> None:
    # A model that always takes the first option, and a refusal of item 20.
    def answer(body: Mapping[str, Any]) -> str:
        return "I cannot answer that." if item_of(body) == 20 else "1"

    found, told = bench(shared_data, tmp_path, "--limit", "24", answer=answer)

    row = found["tables"][0]["rows"][0]
    assert row[2] is None  # pdi reads item 20: missing stays missing
    assert row[3:8] == [None] * 5  # one culture: no other one to fit a constant on
    assert re.search(r"hofstede, sound: 288 calls", told)
    assert found["counts"]["refused"] >= 12
