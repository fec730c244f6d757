"""A smaller run of `python -m benchmarks.calibration`."""

import pytest

from culturepark.benchmarks.calibration import SIZES, check, check_crossed, null_wins


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_simulated_studies(name: str) -> None:
    found = check(SIZES[name], between=1.0, studies=300, seed=1, resamples=499)

    # Three binomial standard errors about 95 % and the attainable rate.
    assert 0.91 <= found.covered <= 0.985
    assert found.found <= found.attainable + 0.038
    assert found.found >= found.attainable - 0.038


def test_few_batteries_prove_nothing() -> None:
    assert check(SIZES["wvs7, one culture"], between=5.0, studies=5, seed=0, resamples=99)[1:] == (0.0, 0.0)


@pytest.mark.slow
def test_crossed_intervals_are_wide_enough() -> None:
    assert check_crossed(3, 3, studies=200, seed=3, resamples=499) >= 0.93


@pytest.mark.slow
def test_null_adapters_win_by_chance() -> None:
    assert null_wins(studies=60, seed=2) == pytest.approx(1 / 8, abs=0.05)
