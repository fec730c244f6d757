"""Talks between personas: held, written down, read again."""

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
