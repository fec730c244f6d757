"""Weights restore the survey's mix of answers: counts add up, and the distance to the survey is bounded."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from culturepark.personas.question import Scale
from culturepark.personas.surveys.survey import Distribution, load_survey
from culturepark.runtime.request import Message
from culturepark.training.row import Row, make_row
from culturepark.training.weighting import apportion, emd, reachable, report_cell, thin, weigh_cell

FOUR = Scale(codes=(1, 2, 3, 4), labels={1: "agree strongly", 4: "disagree strongly"})
HARD = load_survey("wvs7").questions["wvs7:Q38"].scale
UNSURE = next(one.scale for one in load_survey("wvs7").questions.values() if one.scale.unsure)


def rows_of(counts: dict[int, int]) -> list[Row]:
    return [
        make_row(
            "opinion",
            (Message(role="user", content="?"), Message(role="assistant", content=f"{code} {number}")),
            culture="arabic", country="JOR", language="en", question="wvs7:Q27", stance=code, talk=f"t_{code}_{number}",
            source="culturepark",
        )
        for code, count in counts.items()
        for number in range(count)
    ]  # fmt: skip


def answers(counts: dict[int, float]) -> Distribution:
    return Distribution(question="wvs7:Q27", country="JOR", counts=counts, counted="respondents")


@pytest.mark.parametrize(
    ("one", "other", "scale", "expected"),
    [
        pytest.param({1: 1}, {4: 1}, FOUR, 1.0, id="from-end-to-end"),
        pytest.param({1: 1}, {2: 1}, FOUR, 1 / 3, id="one-step-of-three"),
        pytest.param({1: 3, 2: 1}, {1: 0.75, 2: 0.25}, FOUR, 0.0, id="counts-and-shares"),
        pytest.param({0: 1}, {1: 1}, UNSURE, 1.0, id="unsure-is-far-from-everything"),
        pytest.param({0: 1, 2: 1}, {0: 0.5, 1: 0.5}, UNSURE, 0.5, id="half-becomes-unsure"),
    ],
)
def test_distance_between_answers(
    one: dict[int, float], other: dict[int, float], scale: Scale, expected: float
) -> None:
    assert emd(one, other, scale) == pytest.approx(expected)
    assert emd(other, one, scale) == pytest.approx(expected)


SHARES = st.lists(st.integers(0, 50), min_size=2, max_size=10).filter(any)


@given(SHARES, st.integers(0, 300), st.floats(0, 0.999))
def test_apportioned_counts_add_up_and_are_near(weights: list[int], total: int, offset: float) -> None:
    shares = {code: weight / sum(weights) for code, weight in enumerate(weights, start=1)}

    found = apportion(shares, total, offset=offset)

    assert sum(found.values()) == total
    assert all(count >= 0 for count in found.values())
    assert all(abs(found[code] - total * shares[code]) < 1 + 1e-6 for code in found)


@given(SHARES, st.integers(1, 200))
def test_systematic_counts_are_within_half_a_row_of_the_shares(weights: list[int], total: int) -> None:
    codes = tuple(range(1, len(weights) + 1))
    shares = {code: weights[code - 1] / sum(weights) for code in codes}

    assert emd(apportion(shares, total), shares, Scale(codes=codes, labels={})) <= 1 / (2 * total) + 1e-6


CELLS = st.dictionaries(st.sampled_from([1, 2, 3, 4, 5]), st.integers(1, 12), min_size=1)


@settings(deadline=None)
@given(CELLS, st.lists(st.integers(0, 400), min_size=5, max_size=5).filter(any), st.integers(0, 3))
def test_a_weighted_cell_mirrors_what_can_be_mirrored(said: dict[int, int], people: list[int], seed: int) -> None:
    rows = rows_of(said)
    there = answers({code: float(people[code - 1]) for code in HARD.codes})
    base = {row.id: 1 for row in rows}

    kept = weigh_cell(rows, base, scale=HARD, answers=there, to_survey=True, seed=seed)

    counted: Counter[int] = Counter()
    for row in kept:
        assert row.stance is not None
        counted[row.stance] += row.weight
    assert len(rows) <= counted.total() <= 2 * len(rows)
    assert {row.id for row in kept} <= {row.id for row in rows}
    target = reachable(there, set(said), HARD)
    assert sum(target.values()) == pytest.approx(1)
    if len(rows) >= 10:
        assert emd(counted, target, HARD) <= 0.05 + 1e-9
    else:
        assert emd(counted, target, HARD) <= 1 / (2 * len(rows)) + 1e-9
    # An answer that somebody gave and the survey knows does not vanish as long as it makes up half a row.
    assert all(counted[code] for code, share in target.items() if share * len(rows) >= 1)
    assert weigh_cell(rows, base, scale=HARD, answers=there, to_survey=True, seed=seed) == kept


def test_an_absent_answer_goes_to_its_own_side_and_is_named() -> None:
    rows = rows_of({2: 6, 3: 6})
    there = answers({1: 60, 2: 10, 3: 10, 4: 20})

    kept = weigh_cell(rows, {row.id: 1 for row in rows}, scale=FOUR, answers=there, to_survey=True, seed=0)
    report = report_cell(rows, {row.id: 1 for row in rows}, kept, answers=there, scale=FOUR)

    assert reachable(there, {2, 3}, FOUR) == pytest.approx({2: 0.7, 3: 0.3})
    assert report is not None
    assert report.missing == {1: 0.6, 4: 0.2}
    assert (report.talks, report.rows, report.counted) == (12, 12, 20)
    assert report.emd == pytest.approx(0.8 / 3, abs=1e-4)  # weights cannot bring strong answers back


def test_without_weighting_rows_count_as_they_were_said() -> None:
    rows = rows_of({1: 2, 4: 1})
    base = dict(zip((row.id for row in rows), (5, 1, 2), strict=True))

    kept = weigh_cell(rows, base, scale=FOUR, answers=answers({1: 1, 2: 0, 3: 0, 4: 99}), to_survey=False, seed=0)

    assert [row.weight for row in kept] == [5, 1, 2]


@settings(deadline=None)
@given(CELLS, st.integers(1, 400))
def test_thinned_rows_stay_under_the_limit_in_the_same_mix(said: dict[int, int], most: int) -> None:
    rows = rows_of(said)

    kept = thin(rows, most, tokens=lambda _: 10, seed=1)

    assert sum(row.weight for row in kept) == min(len(rows), most // 10)
    shares = {code: count / len(rows) for code, count in said.items()}
    counted = Counter(row.stance for row in kept)
    assert all(abs(counted[code] - len(kept) * share) <= 1 for code, share in shares.items())
