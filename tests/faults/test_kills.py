"""kill -9 at random moments of every stage; `python -m benchmarks.faults.kills --kills 200` does more of it."""

import random
from pathlib import Path

import pytest

from culturepark.benchmarks.faults.kills import REFINE, SIMULATE, Job
from culturepark.benchmarks.faults.trainings import kill_training
from tests.stub_server import serving

pytestmark = pytest.mark.integration


@pytest.mark.slow
def test_talks_and_refinement_lose_nothing_double_nothing_and_pay_nothing_twice(tmp_path: Path) -> None:
    rng = random.Random(1)
    with serving(delay=0.02) as stub:
        job = Job(stub, tmp_path, talks=4, concurrency=4)
        held, refined = job.kill(SIMULATE, 8, rng), job.kill(REFINE, 8, rng)

    for found, stage in ((held, SIMULATE), (refined, REFINE)):
        assert found.problems == ()
        assert found.kills == 8
        assert found.distinct <= found.sent <= found.distinct + 8 * job.flight[stage]


@pytest.mark.slow
def test_a_training_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    found = kill_training(tmp_path, 4, random.Random(2))

    assert found.problems == ()
    assert found.kills == 4
