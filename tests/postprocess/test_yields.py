"""Distinct samples against talks: counted, fitted, and worked toward."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from culturepark.estimate import TargetEstimate
from culturepark.pipeline import held_talks, plan
from culturepark.postprocess.yields import Expected, Growth, YieldCurve, accumulated, fit_yield, is_saturated
from culturepark.study import Study
from culturepark.target import TargetResult, TargetSettings, first_size, next_size, why_stop
from tests.commands import command, document
from tests.postprocess.test_export import sample
from tests.postprocess.test_texts import opinion
from tests.stub_server import serving


def said(talks: list[list[int]]) -> tuple[list[str], list[Any], list[Any]]:
    """A refinement in which each talk says the samples of the given numbers."""
    names = [f"t{number}" for number in range(len(talks))]
    opinions = [
        opinion(f"{number}", talk=name, id=f"{name}-{number}")
        for name, numbers in zip(names, talks, strict=True)
        for number in numbers
    ]
    samples = [
        sample(number, "text", opinions=tuple(one.id for one in opinions if one.text == str(number)))
        for number in sorted({number for numbers in talks for number in numbers})
    ]
    return names, opinions, samples


@pytest.mark.parametrize(
    ("talks", "curve"),
    [
        ([[1], [1], [2]], [1, 1, 2]),
        ([[], [1, 2], [2, 3], []], [0, 2, 3, 3]),
        ([[]], [0]),
    ],
)
def test_a_sample_is_found_by_the_first_talk_that_says_it(talks: list[list[int]], curve: list[int]) -> None:
    assert accumulated(*said(talks)) == curve


@pytest.mark.parametrize(
    ("curve", "saturated"),
    [
        pytest.param([10] * 19, False, id="too-few-talks-to-tell"),
        pytest.param([10] * 20, True, id="nothing-new"),
        pytest.param([0] * 20, True, id="nothing-at-all"),
        pytest.param([*range(1, 101)], False, id="always-new"),
        pytest.param([100] * 16 + [101, 102, 103, 105], True, id="five-of-105-is-less-than-a-twentieth"),
        pytest.param([95] * 16 + [100] * 4, False, id="five-of-100-is-not"),
    ],
)
def test_saturation_is_less_than_a_twentieth_from_the_last_fifth(curve: list[int], saturated: bool) -> None:
    assert is_saturated(curve, below=0.05) == saturated


def world(talks: int, seed: int, *, views: int, steepness: float) -> list[list[int]]:
    """Talks that voice three views each, common ones oftener (Zipf; steepness 0 is all alike)."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, views + 1) ** steepness
    return [sorted(set(rng.choice(views, 3, p=weights / weights.sum()).tolist())) for _ in range(talks)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("views", "steepness", "times", "misses"),
    [
        pytest.param(2000, 1.0, 3, 0.10, id="a-long-tail"),
        pytest.param(2000, 1.0, 6, 0.22, id="a-long-tail-far-ahead"),
        pytest.param(2000, 0.7, 3, 0.10, id="a-flat-tail"),
        pytest.param(150, 0.0, 3, 0.05, id="an-end"),
        pytest.param(150, 0.0, 6, 0.05, id="an-end-far-ahead"),
    ],
)
def test_the_curve_foretells_more_talks(views: int, steepness: float, times: int, misses: float) -> None:
    foretold, ratios = 0, []
    for seed in range(20):
        whole = world(60 * times, seed, views=views, steepness=steepness)
        seen = accumulated(*said(whole))[-1]
        names, opinions, samples = said(whole[:60])
        curve = fit_yield(names, ["cell"] * 60, opinions, samples)
        assert curve is not None
        expected = curve.samples_after(60 * times)
        assert expected.value is not None
        assert expected.high is not None
        ratios.append(expected.value / seen)
        foretold += expected.low <= seen <= expected.high

    assert foretold >= 18
    assert np.mean(ratios) == pytest.approx(1, abs=misses)


def test_talks_that_never_repeat_themselves_may_go_on_for_ever() -> None:
    names, opinions, samples = said([[3 * talk, 3 * talk + 1] for talk in range(10)])
    curve = fit_yield(names, list(range(10)), opinions, samples)

    assert curve is not None
    assert (curve.whole, curve.whole.exponent, curve.repeated) == (Growth(10, 20, 20, 0), 1.0, False)
    assert curve.samples_after(10).value == 20
    assert curve.samples_after(40).high == pytest.approx(80)
    assert curve.talks_for(200).low == 100
    assert YieldCurve.model_validate(curve.model_dump()) == curve


def test_more_samples_than_there_are_take_no_number_of_talks() -> None:
    names, opinions, samples = said([[talk % 6, (talk + 1) % 6] for talk in range(30)])
    curve = fit_yield(names, ["cell"] * 30, opinions, samples)

    assert curve is not None
    assert curve.samples_after(300).value == 6
    assert (curve.talks_for(7).value, curve.talks_for(7).high) == (None, None)
    assert TargetEstimate(samples=7, talks=curve.talks_for(7)).words.endswith("there may not be so many to find")
    assert TargetEstimate(samples=5, talks=Expected(value=12.4, low=9, high=None)).words == "12 (9 to no end in sight)"


def test_the_numbers_are_those_of_the_published_estimator() -> None:
    """Chao2 has once squared by twice the twice as not seen yet: here 5, which are found in the end."""
    growth = Growth(talks=10**6, samples=100, once=10, twice=10)

    assert growth.bounded(10**6) == 100
    assert growth.bounded(10**12) == pytest.approx(105, abs=1e-3)


@pytest.mark.parametrize("talks", [[], [[1], [2], [3]], [[], [], [], [], []]])
def test_too_little_fits_no_curve(talks: list[list[int]]) -> None:
    names, opinions, samples = said(talks)
    assert fit_yield(names, names, opinions, samples) is None


@given(st.integers(4, 400), st.integers(0, 500), st.integers(1, 500), st.none() | st.integers(1, 500))
def test_rounds_grow_and_never_more_than_double(size: int, found: int, wanted: int, most: int | None) -> None:
    if most is not None and size > most:
        return
    following = next_size(size, found=found, wanted=wanted, most=most)

    assert size <= following <= 2 * size
    assert following > size or following == most
    assert most is None or following <= most


@pytest.mark.parametrize(
    ("curve", "size", "most", "before", "why"),
    [
        ([1, 3, 5], 3, None, 0, "reached"),
        ([1, 2, 3], 3, None, 0, None),
        ([1, 2, 3], 3, 3, 0, "talks"),
        ([1, 2, 3], 6, None, 3, "stalled"),
        ([3] * 30, 30, 30, 20, "saturated"),
    ],
)
def test_reasons_to_stop(curve: list[int], size: int, most: int | None, before: int, why: str | None) -> None:
    assert why_stop(TargetSettings(samples=5), curve, size=size, most=most, complete_before=before) == why


def test_the_first_round_is_small_and_a_later_sitting_begins_with_what_is_there() -> None:
    assert [first_size(0, most=None), first_size(0, most=2), first_size(33, most=None)] == [4, 2, 33]


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 12), st.integers(0, 12), st.sampled_from(["cross", "panel"]), st.sampled_from(["sampled", "iid"]))
def test_more_talks_never_change_earlier_ones(few: int, more: int, cast: str, stance: str) -> None:
    study = Study.load(None, {"model": "openai:x", "simulate": {"cast": cast, "stance": stance}})
    small, large = plan(study.sized(few)).talks, plan(study.sized(few + more)).talks

    assert [talk.id for talk in large[:few]] == [talk.id for talk in small]
    assert held_talks(study, {talk.id for talk in small}) == few


@pytest.mark.slow
def test_a_run_works_toward_a_target_and_a_second_one_sends_nothing(tmp_path: Path) -> None:
    run = ("--run", tmp_path / "run", "--model", "openai:stub", "--limit", 60, "--target-samples", 6)
    with serving() as stub:
        first = document("run", *run, "--base-url", stub.base_url)
        asked = stub.stats.requests
        second = document("run", *run, "--base-url", stub.base_url)

        assert stub.stats.requests == asked
        few = {row["id"] for row in document("transcripts", "list", "--run", tmp_path / "run")}
        more = document("run", *run[:-1], 12, "--base-url", stub.base_url)
    assert first["target"]["stopped"] == "reached"
    assert first["target"]["found"] == first["funnel"]["samples"] >= 6
    assert first["target"]["talks"] == first["dialogues"] < 60
    assert {**second["target"], "rounds": 0} == {**first["target"], "rounds": 0}
    assert second["funnel"] == first["funnel"]
    assert more["target"]["found"] >= 12
    assert few < {row["id"] for row in document("transcripts", "list", "--run", tmp_path / "run")}
    assert (tmp_path / "run/study.yaml").read_text("utf-8").count(f"talks: {more['dialogues']}\n") == 1

    expected = document("estimate", "--run", tmp_path / "run", "--target-samples", 100)
    assert expected["target"]["samples"] == 100
    assert expected["target"]["talks"]["low"] > more["dialogues"]
    assert f"{more['funnel']['samples']} samples from {more['dialogues']} talks of the run" in expected["basis"]
    coarse = document("estimate", "--target-samples", 100)
    assert coarse["target"]["talks"]["low"] < coarse["target"]["talks"]["high"]
    assert coarse["basis"] == "what small and large models were seen to give; estimate --run fits a run's own talks"


@pytest.mark.slow
def test_a_target_respects_the_budget_and_goes_on_after_it(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    text = "name: s\nmodel: openai:stub\nsimulate: {cultures: [arabic], talks: 40}\ntarget: {samples: 4}\nbudget: {requests: 60}\n"
    with serving() as stub:
        study.write_text(text, encoding="utf-8")
        arguments = ("run", study, "--run", tmp_path / "run", "--base-url", stub.base_url)
        command(*arguments, expect=1)
        assert stub.stats.requests == 60
        study.write_text(text.replace("60", "600"), encoding="utf-8")
        resumed = document(*arguments)
        sent = stub.stats.distinct
        whole = document("run", study, "--run", tmp_path / "whole", "--base-url", stub.base_url)

        assert stub.stats.distinct == sent
    assert resumed["funnel"] == whole["funnel"]
    assert {**resumed["target"], "rounds": 0} == {**whole["target"], "rounds": 0}


def test_the_end_is_said_with_the_way_on() -> None:
    ended = TargetResult(samples=50, found=23, talks=8, rounds=2, stopped="talks")

    assert (
        ended.words == "23 of 50 samples from 8 talks: the study allows no more talks; raise --limit (`simulate.talks`)"
    )
