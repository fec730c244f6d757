"""What the experiments compute, on data whose answer is known."""

import random
from pathlib import Path

import numpy as np
import pytest

from culturepark.benchmarks.experiments.by_culture import Gain, mixed_model
from culturepark.benchmarks.experiments.conflict import dose_response, novelties
from culturepark.benchmarks.experiments.refinement import mean_distance
from culturepark.benchmarks.experiments.self_calibration import home_bias, placebo_people
from culturepark.benchmarks.experiments.steps import counted, held_back, pick
from culturepark.benchmarks.experiments.surveys import write_made_up
from culturepark.benchmarks.experiments.tradeoffs import Point, Setting, frontier
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.import_wvs import import_wvs
from tests.postprocess.talking import Words, talk
from tests.training.tiny import make_rows


def test_a_mixed_model_gives_the_mean_and_counts_cultures_as_its_units() -> None:
    """Four cultures by ten questions, balanced: the estimate is the plain mean, the error that of the culture means."""
    draw = random.Random(3)
    of_culture = {culture: draw.gauss(0, 0.05) for culture in "abcd"}
    gains = [
        Gain(0.1 + shift + draw.gauss(0, 0.01), culture, f"q{place}")
        for culture, shift in of_culture.items()
        for place in range(10)
    ]

    found, variances = mixed_model("gain", gains)

    means = [np.mean([gain.value for gain in gains if gain.culture == culture]) for culture in "abcd"]
    assert found.value == pytest.approx(np.mean(means))
    assert (found.clusters, found.pairs) == (4, 40)
    assert found.low is not None
    assert found.high is not None
    half = 3.182 * np.std(means, ddof=1) / 2  # t with 3 degrees of freedom, four means
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)
    assert variances is not None
    assert [row[0] for row in variances.rows] == ["culture", "question", "residual"]


def test_a_mixed_model_of_one_culture_has_no_interval() -> None:
    found, variances = mixed_model("gain", [Gain(0.1, "a", f"q{place}") for place in range(8)])

    assert (found.value, found.low, found.p, variances) == (pytest.approx(0.1), None, None, None)


def test_novelty_counts_what_is_new_to_the_question_and_to_what_was_said() -> None:
    fresh = talk("alpha beta gamma", "delta epsilon zeta", identifier="t_1")
    again = talk("alpha beta gamma", "alpha beta gamma", identifier="t_2")
    tokens = [
        one.model_copy(update={"turns": tuple(turn.model_copy(update={"tokens_out": 10}) for turn in one.turns)})
        for one in (fresh, again)
    ]

    new, repeated = novelties(tokens, Words())

    assert new is not None
    assert repeated is not None
    assert new == pytest.approx(2 * repeated, rel=0.05)  # said again, the same words add nothing
    assert novelties([fresh], Words()) == [None]  # nobody says how many tokens it took


def test_dose_response_is_the_mean_slope_over_questions() -> None:
    talks = [
        talk("x", identifier=f"t_{question}_{step}", question=f"wvs7:{question}").model_copy(
            update={"stance_distance": step / 2}
        )
        for question in ("Q27", "Q28", "Q33")
        for step in range(3)
    ]
    novelty = {one.id: 5 + 4 * (one.stance_distance or 0) for one in talks}

    found = dose_response(talks, novelty)

    assert (found.value, found.pairs) == (pytest.approx(4), 3)


def test_diversity_is_compared_at_equal_numbers() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 0, 0, 1]]

    assert mean_distance(vectors, 4, seed=0) == pytest.approx(0.5)
    assert mean_distance(vectors, 2, seed=0) == pytest.approx(0.5, abs=0.2)
    assert mean_distance(np.eye(4, dtype=np.float32), 2, seed=0) == pytest.approx(1)


def test_a_setting_that_costs_more_and_gives_less_is_beaten() -> None:
    def points(cost: float, samples: float) -> list[Point]:
        return [Point(f"q{place}", cost, samples) for place in range(6)]

    table = frontier(
        {
            Setting("short", "m"): points(100, 1.0), Setting("long", "m"): points(300, 2.0),
            Setting("free", "m"): points(300, 0.5),
        },
        seed=0,
    )  # fmt: skip

    assert [(row[0], row[-2], row[-1]) for row in table.rows] == [
        ("short", "yes", 1.0),
        ("long", "yes", 1.0),
        ("free", "no", 0.0),
    ]


def test_bias_is_nearness_to_the_own_country_less_nearness_to_the_united_states() -> None:
    """Jordan answers Q27 at one end, the United States more in the middle."""
    one = talk("x", question="wvs7:Q27")

    at_home, abroad = home_bias(one, (0.0,)), home_bias(one, (1.0,))

    assert at_home is not None
    assert abroad is not None
    assert at_home > 0 > abroad
    assert at_home == pytest.approx(-abroad)
    assert home_bias(one, ()) is None


def test_the_placebo_changes_instructions_and_nothing_else(tmp_path: Path) -> None:
    plain, changed = load_roster(), load_roster([placebo_people(tmp_path / "placebo")])

    assert plain.personas.keys() == changed.personas.keys()
    for name, persona in changed.personas.items():
        assert persona.instructions.startswith(f"What {persona.name} holds most firmly is that soup")
        assert persona.model_copy(update={"instructions": plain.personas[name].instructions}) == plain.personas[name]


def test_made_up_countries_are_in_the_layout_that_import_wvs_reads(tmp_path: Path) -> None:
    write_made_up(tmp_path / "made-up.csv", ["GRC", "EGY"], seed=0)

    found = import_wvs(tmp_path / "made-up.csv")

    assert found.respondents == {"EGY": 120, "GRC": 120}
    assert found.not_asked == ()


def test_rows_are_drawn_as_often_as_they_count() -> None:
    rows = make_rows(6, weights=(3, 1))

    drawn = pick(rows, 7, seed=1)

    assert counted(drawn) == 7
    assert drawn == pick(list(reversed(rows)), 7, seed=1)[::-1]
    assert counted(pick(rows, 99, seed=1)) == 12
    training, watching = held_back(rows)
    assert {row.id for row in training} | {row.id for row in watching} == {row.id for row in rows}
    assert len(watching) == 1


def test_markdown_cells_cannot_leave_their_table() -> None:
    from culturepark.benchmarks.experiments.reporting import _table

    assert _table(("a|b",), [("<script>|\n",)]).splitlines() == ["| a\\|b |", "| --- |", "| &lt;script>\\|  |"]
