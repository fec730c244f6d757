"""The moderation task of `small_finetune`, and arms that are trained several times, on data whose answer is known."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from culturepark.benchmarks.experiments import moderated
from culturepark.benchmarks.experiments.catalogue import EXPERIMENTS
from culturepark.benchmarks.experiments.design import load_design
from culturepark.benchmarks.experiments.made_texts import HARMLESS, OFFENSIVE
from culturepark.benchmarks.experiments.reporting import markdown
from culturepark.benchmarks.experiments.running import Analysis, Finding, Found, Report, make_report
from culturepark.benchmarks.experiments.setup import Options, Setup, make_setup
from culturepark.benchmarks.experiments.tuning import SIMILARITY, _mean, by_training, trainings
from culturepark.benchmarks.experiments.verdict import Pair, Verdict, contrast, judge
from culturepark.benchmarks.experiments.within_culture import against_mean
from culturepark.benchmarks.moderation.sets import choose_sets
from culturepark.benchmarks.task import BenchSettings, Counts, ItemScore, SuiteResult

CULTURES = ("arabic", "german", "turkish")
DESIGN = load_design("small_finetune")


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return make_setup(DESIGN, Options(size="small"), tmp_path / "run")


def result(values: Sequence[float | None], *, cultures: Sequence[str] = CULTURES) -> SuiteResult:
    """The same values for each culture's texts."""
    items = tuple(
        ItemScore(id=f"made_up_{culture}/t{place}", cluster=f"made_up_{culture}", culture=culture, value=value)
        for culture in cultures
        for place, value in enumerate(values)
    )
    return SuiteResult(
        suite="moderation", version=1, model="m", identity="i", settings=BenchSettings(), counts=Counts(answered=1),
        scores=(), items=items,
    )  # fmt: skip


def test_made_up_sets_are_the_same_balanced_texts_for_each_culture(setup: Setup) -> None:
    chosen = choose_sets(moderated.moderation_settings(setup))

    assert [one.name for one in chosen.sets] == [f"made_up_{culture}" for culture in CULTURES]
    assert len({*OFFENSIVE, *HARMLESS}) == 32
    for one in chosen.sets:
        assert [sum(row.label == label for row in one.rows) for label in moderated.LABELS] == [12, 12]
        assert {row.text for row in one.rows if row.label == "offensive"} <= set(OFFENSIVE)
        assert {row.text for row in one.rows if row.label == "not_offensive"} <= set(HARMLESS)
    assert len({tuple(row.id for row in one.rows) for one in chosen.sets}) == 1
    assert moderated.chances(setup) == {f"made_up_{culture}": 0.5 for culture in CULTURES}
    assert moderated.data_note(setup) == moderated.MADE_UP_NOTE


def test_a_gain_on_texts_is_found_and_a_text_asked_as_three_cultures_is_one_cluster(setup: Setup) -> None:
    guessing, knowing = result([0, 1] * 6), result([1, 1] * 6)

    pairs = moderated.texts_of(knowing, guessing)
    found = contrast("knowing minus guessing", pairs, unit="of texts")
    check = moderated.able(setup, {"culturepark": knowing, "base": guessing})

    assert (found.value, found.pairs, found.clusters) == (pytest.approx(0.5), 36, 12)
    assert {pair.cluster for pair in moderated.sets_of(knowing, guessing)} == {f"made_up_{one}" for one in CULTURES}
    assert check.passed
    assert check.detail.startswith(
        "share of right labels above chance: culturepark +0.500 (+0.500 to +0.500), base +0.0"
    )
    assert judge(found, DESIGN.further["moderation"].test, [check]).outcome == "supported"


def test_two_models_that_guess_compare_nothing(setup: Setup) -> None:
    one, other = result([0, 1] * 6), result([1, 0] * 6)

    check = moderated.able(setup, {"culturepark": one, "base": other})
    verdict = judge(
        contrast("x", moderated.texts_of(one, other), unit="of texts"), DESIGN.further["moderation"].test, [check]
    )

    assert not check.passed
    assert verdict.outcome == "underpowered"
    assert verdict.why.startswith(
        "manipulation check failed: one model is right on moderation more often than by chance"
    )


def test_a_report_has_both_claims_and_both_verdicts(setup: Setup) -> None:
    opinions = contrast("culturepark minus base", [Pair(0.1, f"q{place}") for place in range(8)], unit="similarity")
    texts = contrast(
        "culturepark minus base on moderation", [Pair(0.2, f"t{place}") for place in range(9)], unit="of texts"
    )
    report = Report(
        design=DESIGN, sha256=DESIGN.sha256, options=Options(size="small"), size={}, model="scripted", scripted=True,
        verdict=Verdict(outcome="supported", why="yes"),
        further={"moderation": Verdict(outcome="underpowered", why="too few")},
        analysis=Analysis(primary=opinions, further={"moderation": Finding(primary=texts)}, n={"base": 0}),
        command="c", full_command="f", full_cost=(),
    )  # fmt: skip

    page = markdown(report)

    assert f"fixed before the data): {DESIGN.claim}\n\n**Verdict: supported.** Yes. " in page
    claim = DESIGN.further["moderation"].claim
    assert f"**Claim on moderation**: {claim} **Verdict on moderation: underpowered.** Too few." in page
    assert "| culturepark minus base | 0.1 | 0.1 to 0.1 |" in page
    assert "| culturepark minus base on moderation | 0.2 | 0.2 to 0.2 |" in page
    assert "| 0.02 of texts | 9 | 9 |" in page


@pytest.mark.parametrize("name", ["small_finetune", "human_data"])
def test_what_the_full_size_costs_is_told_without_the_data_it_reads(name: str, tmp_path: Path) -> None:
    options = Options(size="small", data=str(tmp_path))
    primary = contrast("x", [Pair(0.1, "q1")], unit="similarity")
    ready = make_setup(load_design(name), options, tmp_path / "run")
    found = Found(ready, Analysis(primary=primary, n={}), Verdict(outcome="underpowered", why="few"), {})

    report = make_report(EXPERIMENTS[name], found, options, run=None)

    assert f"--data {tmp_path}" in report.full_command
    assert sum(cost.requests for cost in report.full_cost) > 1000


def test_an_arm_trained_twice_scores_the_mean_of_its_trainings(setup: Setup) -> None:
    one, other = result([0.2, 0.4, None], cultures=["arabic"]), result([0.6, 0.4, 0.5], cultures=["arabic"])

    assert [item.value for item in _mean([one, other]).items] == [pytest.approx(0.4), pytest.approx(0.4), None]
    table = by_training({0: [Pair(0.1, "a"), Pair(0.3, "b")], 7: [Pair(0.5, "a")]}, "gain", unit=SIMILARITY)
    assert [row[:2] for row in table.rows] == [(0, pytest.approx(0.2)), (7, pytest.approx(0.5))]
    assert trainings(setup) == (
        "Each arm was trained once (seed 0): how much another training of the same rows would differ is not known from "
        "this; `--seeds 0,1,2` tells."
    )
    twice = make_setup(DESIGN, Options(size="small", seeds=(0, 7)), setup.folder)
    assert trainings(twice) == (
        "Each arm was trained 2 times (seeds 0, 7); its scores are means over these trainings, which intervals take as "
        "they are."
    )
    assert twice.adapter("placebo", 7).name == "placebo-seed7"


def test_the_mean_of_other_countries_is_clustered_as_it_says() -> None:
    def answers(*values: float) -> SuiteResult:
        items = [
            ItemScore(id=f"q{place}/arabic", cluster="xyx"[place], culture="arabic", value=value)
            for place, value in enumerate(values)
        ]
        return result([]).model_copy(update={"items": tuple(items)})

    found = {"jordan": answers(0.5, 0.5, 0.5), "egypt": answers(0.1, 0.2, 0.3), "tunisia": answers(0.3, 0.4, 0.5)}

    by_question = against_mean(found, "jordan", ["egypt", "tunisia"])
    by_battery = against_mean(found, "jordan", ["egypt", "tunisia"], by_battery=True)

    assert [pair.difference for pair in by_question] == pytest.approx([0.3, 0.2, 0.1])
    assert [pair.cluster for pair in by_question] == ["q0", "q1", "q2"]
    assert [pair.cluster for pair in by_battery] == ["x", "y", "x"]
