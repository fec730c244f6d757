"""The suite through the command line: paper mode of scripted answers by hand, sound mode averages position away."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from culturepark.benchmarks.hofstede.files import load_items
from culturepark.cli import app
from culturepark.personas.roster import load_roster
from tests.stub_server import StubServer, serving

ITEMS, _ = load_items(None)
LANGUAGES = sorted({load_roster().cultures[name].language for name in load_roster().delegate_cultures})


def item_of(body: Mapping[str, Any]) -> int:
    asked = body["messages"][-1]["content"].split("\n\n")[0]
    return next(number for number, item in ITEMS.items.items() if item.text == asked)


def bench(stub: StubServer, shared_data: Path, tmp_path: Path, *more: str) -> tuple[dict[str, Any], str]:
    result = CliRunner().invoke(
        app,
        ["bench", "hofstede", "--model", "openai:stub", "--base-url", stub.base_url, "--run", str(tmp_path / "run"),
         "--data", str(shared_data), "--culture", "arabic,korean", "--json", *more],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["results"][0], result.stderr


@pytest.mark.parametrize(
    ("answer", "published", "by_the_manual"),
    [
        pytest.param(lambda _: "3", [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], id="all-threes"),
        pytest.param(
            lambda body: str(1 + item_of(body) % 5), [-75, 210, -30, 45, 10, 75], [-75, 210, 0, 45, 10, 75],
            id="one-plus-item-mod-five",
        ),
    ],
)  # fmt: skip
def test_paper_mode_by_hand(
    shared_data: Path, tmp_path: Path, answer: Any, published: list[float], by_the_manual: list[float]
) -> None:
    with serving(answer=answer, logprobs=False) as stub:
        found, told = bench(stub, shared_data, tmp_path, "--set", "paper,paper-mas35")

        assert stub.stats.answered == 48  # the second weight of masculinity changes no question

    tables = [table for table in found["tables"] if table["title"].startswith("indices")]
    for table, expected in zip(tables, (published, by_the_manual), strict=True):
        rows = {row[0]: row[2:8] for row in table["rows"]}
        assert rows["arabic"] == rows["korean"] == expected
        assert rows["arabic, Hofstede"] == [80, 38, 53, 68, 23, 34]
    assert "hofstede, paper, en: 48 calls\n" in told
    assert found["notes"][0] == "VSM-style, paraphrased: 24 items in our own words"
    assert "the questionnaire's manual warns" in found["notes"][2]
    assert found["notes"][3] == (
        "arabic: the row of Arab countries stands for Jordan, whose own lacks pdi, idv, mas, uai"
    )


@pytest.mark.slow
def test_sound_mode_meets_every_order_wording_and_persona_and_takes_position_away(
    shared_data: Path, tmp_path: Path
) -> None:
    # A model that likes the first option three times as much as the others together.
    shares = {"1": 0.75, "2": 0.0625, "3": 0.0625, "4": 0.0625, "5": 0.0625}
    with serving(shares=lambda _: shares) as stub:
        found, told = bench(stub, shared_data, tmp_path, "--prompt-language", "en")
        bodies = list(stub.bodies)

    assert "hofstede, sound, en: 2880 calls, one for each order, wording and persona\n" in told
    assert (
        len(bodies) == 2880
    )  # 2 cultures, 24 items, 10 orders, 3 wordings, 2 personas; the first item counts among them
    first = Counter(
        re.findall(r"^1: (.+)$", bodies[0]["messages"][-1]["content"], re.MULTILINE)[0]
        for bodies[0] in bodies
        if item_of(bodies[0]) == 18
    )
    assert set(first.values()) == {24}  # every answer stands first as often
    # All items have the mean 3, so raw indices are 0 and a culture's index is the other one's row.
    rows = {row[0]: row[2:8] for row in found["tables"][0]["rows"]}
    assert rows["arabic"] == pytest.approx(rows["korean, Hofstede"])
    assert rows["korean"] == pytest.approx(rows["arabic, Hofstede"])


@pytest.mark.slow
def test_without_probabilities_ten_draws_are_spread_over_the_ways(shared_data: Path, tmp_path: Path) -> None:
    # Always the first option, and a refusal of item 20.
    def answer(body: Mapping[str, Any]) -> str:
        return "I cannot answer that." if item_of(body) == 20 else "1"

    with serving(answer=answer, logprobs=False) as stub:
        found, told = bench(stub, shared_data, tmp_path, "--prompt-language", "en")
        drawn = [body for body in stub.bodies if body["temperature"] == 1 and item_of(body) == 7]

    assert "hofstede, sound, en: 480 calls, 10 samples of an item, for want of probabilities\n" in told
    korean = [body for body in drawn if "Korea" in body["messages"][0]["content"]]
    assert len(korean) == 10
    assert len({body["messages"][0]["content"] for body in korean}) == 2
    endings = {body["messages"][1]["content"].split("\n\n")[-1] for body in korean}
    orders = {body["messages"][1]["content"].split("\n\n")[1] for body in korean}
    assert (len(endings), len(orders)) == (3, 10)
    row = next(row for row in found["tables"][0]["rows"] if row[0] == "korean")
    assert row[2] is None  # pdi reads item 20: missing stays missing
    assert None not in row[3:8]
    assert row[8] is None
    assert found["counts"] == {"answered": 460, "refused": 20, "invalid": 0, "failed": 0}


def test_a_limited_run_asks_whole_indices_of_several_cultures(shared_data: Path, tmp_path: Path) -> None:
    with serving(shares=lambda _: {"1": 0.2, "2": 0.2, "3": 0.2, "4": 0.2, "5": 0.2}) as stub:
        found, told = bench(stub, shared_data, tmp_path, "--limit", "20")
        asked = {body["messages"][-1]["content"].split("\n\n")[0] for body in stub.bodies}

    # 5 indices: three of arabic, two of korean; compared in the two that both were asked. 5 ways an item.
    assert "hofstede, sound, en: 100 calls" in told
    assert "hofstede, sound, native: 100 calls" in told
    assert found["scores"][0]["name"] == "distance over pdi, idv (sound, en)"
    assert found["scores"][0]["n"] == 2
    assert any(re.search(r"[\u0600-\u06ff]", text) for text in asked)
    assert any(re.search(r"[\uac00-\ud7af]", text) for text in asked)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_item_and_each_scale_five_different_answers(language: str) -> None:
    items, official = load_items(None, language)

    assert sorted(items.items) == list(range(1, 25))
    assert not official
    assert set(items.scales) == set(ITEMS.scales)
    assert all(len(set(answers)) == 5 for answers in items.scales.values())
    assert items.scales["never_first"] == items.scales["always_first"][::-1]
    assert len({item.text for item in items.items.values()}) == 24


def test_the_official_wording_in_another_language_is_not_guessed(shared_data: Path, tmp_path: Path) -> None:
    text = "scales: {five: [a, b, c, d, e]}\nitems:\n"
    text += "".join(f"  {number}: {{scale: five, text: 'Item {number}'}}\n" for number in range(1, 25))
    data = tmp_path / "data"
    data.mkdir()
    (data / "vsm13.yaml").write_text(text, encoding="utf-8")
    table = shared_data / "wvs/6-dimensions-for-website-2015-08-16.csv"
    (data / table.name).write_bytes(table.read_bytes())
    with serving(shares=lambda _: {"1": 1.0}) as stub:
        result = CliRunner().invoke(
            app,
            ["bench", "hofstede", "--model", "openai:stub", "--base-url", stub.base_url, "--run", str(tmp_path / "run"),
             "--data", str(data), "--culture", "arabic", "--limit", "4", "--json"],
        )  # fmt: skip

    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"] == [
        f"hofstede, sound, native: {data}: the official wording is not there in 'ar'; add vsm13.ar.yaml, or ask with "
        "--prompt-language en"
    ]
