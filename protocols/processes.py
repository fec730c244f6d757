"""Whether a protocol cues the same in every process: Python orders a set of texts anew in each."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import zip_longest

from culturepark.protocols.conformance import Broken

SEATS = 5


def check_processes(name: str, pairs: Sequence[str]) -> list[Broken]:
    """Try a protocol in two processes with different hash seeds and compare the cues.

    Args:
        name: As on the command line.
        pairs: Its arguments, `key=value`. A protocol that raises or never ends is not for this check.
    """
    arguments = [part for pair in pairs for part in ("--protocol-arg", pair)]
    command = [
        sys.executable,
        "-m",
        "culturepark",
        "protocols",
        "try",
        name,
        "--seats",
        str(SEATS),
        "--json",
        *arguments,
    ]
    running = [
        subprocess.Popen(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        for seed in ("1", "2")
    ]
    one, other = (json.loads(process.communicate()[0])["turns"] for process in running)
    for turn, (first, second) in enumerate(zip_longest(one, other)):
        if first != second:
            why = f"two processes differ: one cues {_told(first)}, the other {_told(second)}"
            fix = "a set is ordered anew in each process, so go through scene.seats, or sort"
            return [Broken(check="everywhere", cast=f"{SEATS} seats", turn=turn, why=f"{why}; {fix}")]
    return []


def _told(turn: dict[str, object] | None) -> str:
    if turn is None:
        return "nobody (the end)"
    return str(turn["speaker"]) if turn["guidance"] is None else f"{turn['speaker']} ({turn['guidance']!r})"
