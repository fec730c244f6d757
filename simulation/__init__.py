"""Talks between personas: held, written down, read again."""

from typing import TYPE_CHECKING

from culturepark.runtime.lazy import contents

if TYPE_CHECKING:
    from culturepark.simulation.plan import SimulateSettings, plan_talks
    from culturepark.simulation.run import Simulated, simulate
    from culturepark.simulation.talks import find_transcript, load_transcripts
    from culturepark.simulation.transcript import Transcript

__all__ = [
    "SimulateSettings",
    "Simulated",
    "Transcript",
    "find_transcript",
    "load_transcripts",
    "plan_talks",
    "simulate",
]

__getattr__ = contents(
    __name__,
    {
        "SimulateSettings": "plan",
        "Simulated": "run",
        "Transcript": "transcript",
        "find_transcript": "talks",
        "load_transcripts": "talks",
        "plan_talks": "plan",
        "simulate": "run",
    },
)
