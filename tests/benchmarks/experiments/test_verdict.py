"""The verdict, on planted data: one line for each reason."""

import random

import pytest

from culturepark.benchmarks.experiments.design import Test
from culturepark.benchmarks.experiments.verdict import Check, Contrast, Outcome, Pair, contrast, corrected, judge

TEST = Test(contrast="one minus other", unit="of the scale", smallest=0.1)


def planted(effect: float, spread: float, *, clusters: int = 12, each: int = 4, seed: int = 1) -> list[Pair]:
    """Pairs about a known effect, half a spread of which the clusters share."""
    draw = random.Random(seed)
    shared = [draw.gauss(0, spread / 2) for _ in range(clusters)]
    return [
        Pair(effect + shared[cluster] + draw.gauss(0, spread / 2), f"q{cluster}")
        for cluster in range(clusters)
        for _ in range(each)
    ]


@pytest.mark.parametrize(
    ("pairs", "outcome", "why"),
    [
        pytest.param(
            planted(0.3, 0.1), "supported", "0.301 is at least 0.1, and 0 is outside the interval", id="effect"
        ),
        pytest.param(planted(-0.3, 0.1), "not supported", "the effect goes the other way (-0.299)", id="reversed"),
        pytest.param(
            planted(0.0, 0.05), "not supported", "the interval ends at 0.017, below the smallest effect 0.1", id="null"
        ),
        pytest.param(
            planted(0.05, 0.02), "not supported", "the interval ends at 0.0568, below the smallest effect 0.1", id="sure-but-small"
        ),
        pytest.param(
            planted(0.0, 1.0), "underpowered",
            "only an effect of 0.432 or more would have been seen; 0.1 would be enough", id="noise",
        ),
        pytest.param(planted(0.3, 0.1, clusters=1, each=5), "underpowered", "5 pairs, and the test takes 6", id="few-pairs"),
        pytest.param(
            planted(0.3, 0.1, clusters=5), "underpowered", "with 5 clusters no p value can be below 0.0625", id="few-clusters"
        ),
        pytest.param([], "underpowered", "0 pairs are too few for an interval", id="nothing"),
    ],
)  # fmt: skip
def test_planted_data_are_judged_as_they_are(pairs: list[Pair], outcome: Outcome, why: str) -> None:
    verdict = judge(contrast("one minus other", pairs, unit=TEST.unit), TEST)

    assert (verdict.outcome, verdict.why) == (outcome, why)


def test_power_makes_a_null_of_what_would_have_been_seen() -> None:
    found = Contrast(
        name="c",
        unit="u",
        value=0.06,
        low=-0.01,
        high=0.13,
        p=0.09,
        detectable=0.09,
        pairs=40,
        clusters=12,
        least_p=0.001,
    )

    assert judge(found, TEST).outcome == "not supported"
    assert judge(found.model_copy(update={"detectable": 0.11}), TEST).outcome == "underpowered"


def test_an_estimate_below_the_smallest_effect_is_never_supported() -> None:
    found = Contrast(
        name="c",
        unit="u",
        value=0.08,
        low=0.01,
        high=0.15,
        p=0.03,
        detectable=0.12,
        pairs=40,
        clusters=12,
        least_p=0.001,
    )

    assert judge(found, TEST).outcome == "underpowered"


def test_a_failed_check_overrules_everything() -> None:
    strong = contrast("one minus other", planted(0.3, 0.1), unit=TEST.unit)
    checks = [Check(name="heard", passed=True, detail="all"), Check(name="apart", passed=False, detail="0.01 of 0.2")]

    verdict = judge(strong, TEST, checks)

    assert verdict.outcome == "underpowered"
    assert verdict.why == "manipulation check failed: apart (0.01 of 0.2)"


def test_verdicts_keep_their_promise_over_many_experiments() -> None:
    """Without an effect a claim is supported in no more than 5 of 100 experiments."""
    wrong = sum(
        judge(contrast("c", planted(0.0, 0.4, clusters=8, each=2, seed=seed), unit="u"), TEST).outcome == "supported"
        for seed in range(60)
    )

    assert wrong <= 5


def test_secondary_contrasts_are_corrected_together() -> None:
    one, other = (
        Contrast(name=name, unit="u", value=0.1, low=0.0, high=0.2, p=p, detectable=0.1, pairs=9, clusters=9)
        for name, p in (("a", 0.02), ("b", 0.03))
    )

    assert [found.p_holm for found in corrected([one, other])] == pytest.approx([0.04, 0.04])
