"""Talks between personas: held, written down, read again."""

from typing import TYPE_CHECKING

from culturepark.runtime.lazy import contents

if TYPE_CHECKING:
    from culturepark.simulation.diff import TalkDiff, diff_talks
    from culturepark.simulation.exchange import import_talks, write_talks
    from culturepark.simulation.fork import plan_fork
    from culturepark.simulation.imports import read_talks
    from culturepark.simulation.plan import SimulateSettings, plan_talks
    from culturepark.simulation.run import Simulated, simulate
    from culturepark.simulation.talks import find_transcript, load_transcripts
    from culturepark.simulation.transcript import Transcript

__all__ = [
    "SimulateSettings",
    "Simulated",
    "TalkDiff",
    "Transcript",
    "diff_talks",
    "find_transcript",
    "import_talks",
    "load_transcripts",
    "plan_fork",
    "plan_talks",
    "read_talks",
    "simulate",
    "write_talks",
]

__getattr__ = contents(
    __name__,
    {
        "SimulateSettings": "plan",
        "Simulated": "run",
        "TalkDiff": "diff",
        "Transcript": "transcript",
        "diff_talks": "diff",
        "find_transcript": "talks",
        "import_talks": "exchange",
        "load_transcripts": "talks",
        "plan_fork": "fork",
        "plan_talks": "plan",
        "read_talks": "imports",
        "simulate": "run",
        "write_talks": "exchange",
    },
)
