"""Ours: `culturepark simulate` with its defaults, store and ledger on."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from culturepark.pipeline import run
from culturepark.study import Study

if TYPE_CHECKING:
    from culturepark.benchmarks.speed.peers.measure import Job

os.environ.setdefault("OPENAI_API_KEY", "none")


def hold(job: "Job") -> int:
    """Lily and one delegate a talk, the paper's protocol."""
    study = Study.model_validate(
        {
            "model": "openai:stub",
            "base_url": job.base_url,
            "simulate": {
                "talks": job.talks,
                "concurrency": job.concurrency,
                "protocol": "free-chat",
                "protocol_args": {"turns": job.turns},
            },
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        result = run(study, Path(folder), stages=("simulate",))
    return result.dialogues if result.turns == result.dialogues * job.turns else 0
