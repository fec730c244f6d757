"""Power against the noncentral t and textbook sizes; the protocol is one page without a network."""

import re
from math import isnan, sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from culturepark.benchmarks.education.power import Design, contrast_power, needed_size
from tests.commands import command, document, mistake


@pytest.mark.parametrize(
    ("effect", "correlation", "arms", "complete"),
    [
        pytest.param(0.5, 0.0, 2, 64, id="cohens-table"),  # Cohen (1988), table 2.4.1: d = 0.5, power 0.8
        pytest.param(0.8, 0.0, 2, 26, id="cohens-table-large"),
        pytest.param(0.5, 0.5, 2, 49, id="covariate-saves-a-quarter"),  # Borm: 0.75 of 64, and one
    ],
)
def test_sizes_of_the_literature(effect: float, correlation: float, arms: int, complete: int) -> None:
    assert needed_size(Design(effect=effect, correlation=correlation, arms=arms)).complete_per_arm == complete


@given(st.floats(0.05, 1.5), st.floats(-0.9, 0.9), st.integers(2, 5), st.integers(3, 300))
def test_power_agrees_with_statsmodels(effect: float, correlation: float, arms: int, n: int) -> None:
    alpha = 0.05 / (arms - 1)
    found = contrast_power(Design(effect=effect, correlation=correlation, arms=arms), n)

    # Theirs counts the other tail, too: the effect found with the wrong sign, in less than half of alpha.
    scaled = effect / sqrt(1 - correlation**2)
    theirs = TTestPower().power(scaled, n / 2, alpha, df=arms * n - arms - 1, alternative="two-sided")
    assert isnan(theirs) or theirs - alpha / 2 <= found <= theirs + 1e-9  # it is `nan` where power is all but 1
    assert not isnan(theirs) or found > 0.9999


@given(st.floats(0.1, 1.5), st.floats(0, 0.9), st.floats(0.5, 0.95))
def test_the_size_is_the_smallest(effect: float, correlation: float, power: float) -> None:
    design = Design(effect=effect, correlation=correlation, power=power)

    found = needed_size(design)

    assert found.power >= power > contrast_power(design, found.complete_per_arm - 1)


def test_the_command_says_sizes_and_power() -> None:
    assert command("education", "power", "--effect", "0.5", "--correlation", "0", "--arms", "2").splitlines() == [
        "effect\tcorrelation\tarms\tcomplete an arm\tenrol an arm\tenrol in all\tpower",
        "0.5\t0\t2\t64\t64\t128\t0.801",
        "power of one of 1 contrast(s) in the analysis of covariance, two-sided at 0.05; "
        "effect in standard deviations of the second form",
    ]
    found = document("education", "power", "--effect", "0.5", "--attrition", "0.2", "--n", "50")
    assert (found["complete_per_arm"], found["enrol_per_arm"], found["enrol"]) == (40, 50, 150)
    lost = document("education", "power", "--effect", "0.5", "--correlation", "0", "--arms", "2", "--attrition", "0.2")
    assert (lost["complete_per_arm"], lost["enrol_per_arm"]) == (64, 80)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(("--effect", "0"), "the study's design: effect = 0.0: input should be greater than 0", id="none"),
        pytest.param(("--effect", "0.5", "--correlation", "1"), "the study's design: correlation = 1.0: input should be less than 1", id="r"),
        pytest.param(("--effect", "0.5", "--power", "0.05"), "the study's design: power 0.05 has to be above alpha 0.05, what no effect gives", id="power"),
        pytest.param(("--effect", "0.0001"), "an effect of 0.0001 needs more than 1,000,000 participants an arm; plan for a larger one", id="tiny"),
        pytest.param(("--effect", "1", "--n", "1"), "1 participants an arm leave 1 complete lessons in each of 3; the analysis needs 2 or more", id="one"),
    ],
)  # fmt: skip
def test_impossible_designs_are_one_line(arguments: tuple[str, ...], line: str) -> None:
    assert mistake("education", "power", *arguments) == line


def test_the_protocol_needs_no_network_and_tells_no_answer(tmp_path: Path) -> None:
    page = tmp_path / "new" / "protocol.html"

    said = command("education", "protocol", "--out", page, "--culture", "turkish,chinese", "--effect", "0.5")

    text = page.read_text("utf-8")
    assert said == f"protocol for 195 participants in 3 arms -> {page}\n"
    assert "<b>58 complete lessons an arm</b>" in text
    assert not re.search(r"https?:|<script|<link|url\(|src=", text)
    assert text.count("Of 100 people") == 24
    assert "Turkey: form A" in text
    assert "China: form B" in text
    again = tmp_path / "again.html"
    command("education", "protocol", "--out", again, "--culture", "turkish,chinese", "--effect", "0.5")
    assert again.read_text("utf-8") == text


def test_an_unknown_culture_writes_no_page(tmp_path: Path) -> None:
    page = tmp_path / "protocol.html"

    line = mistake("education", "protocol", "--out", page, "--culture", "turkisch")

    assert line.startswith("no culture named 'turkisch'; did you mean 'turkish'? Known: ")
    assert not page.exists()
