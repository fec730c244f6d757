"""Ctrl-C and SIGTERM at moments of each stage; `python -m benchmarks.faults.signals` sends many and takes the time."""

import random
from collections.abc import Iterator

import pytest

from culturepark.benchmarks.faults.signals import Work
from tests.stub_server import serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    with serving(delay=0.02) as stub:
        yield Work(stub, tmp_path_factory.mktemp("work"))


@pytest.mark.parametrize("stage", ["refine", "train", "bench"])
def test_a_signal_ends_a_stage_with_130_and_loses_nothing(stage: str, work: Work) -> None:
    found = work.interrupt(stage, 3, random.Random(stage))

    assert found.problems == ()
    assert len(found.seconds) == 3
    assert found.runs >= 1
