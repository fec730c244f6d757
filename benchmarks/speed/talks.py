"""The whole job against the scripted server: `python -m benchmarks.speed.talks [--talks N] [--concurrency C]`.

Holds talks, refines them, and does both again, in a new folder each round; prints what was found, and for each stage
the medians of the rounds with their quartiles: talks and calls a second, and processor time a call. All of a stage is
timed, planning and opening the store, the embedder and merging included. The server is a process of its own, and how
busy it was is printed, too: one that is busy all the time is what was measured. Without `--talks`, every seed question
in all eight countries.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.speed.held_talks import spread
from culturepark.pipeline import STAGES, Stage, run
from culturepark.postprocess.funnel import Funnel
from culturepark.runtime.console import print_table
from culturepark.study import Study

SERVER = "tests.stub_server"


class Timed(NamedTuple):
    """What one stage took in one round."""

    dialogues: int
    requests: int
    """That reached the server."""
    seconds: float
    processor: float
    """Seconds of this process, its threads included."""
    server_busy: float
    """Share of a processor that the server took."""
    funnel: Funnel | None


def main() -> None:
    """Go through the rounds and print what was found and how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--talks", type=int)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds a reply")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    os.environ.setdefault("OPENAI_API_KEY", "none")
    command = [sys.executable, "-m", SERVER, "--port", "0", "--delay", str(chosen.delay), "--until-eof"]
    found: dict[str, list[Timed]] = defaultdict(list)
    size = 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        port = json.loads(server.stdout.readline())["port"]
        study = Study.model_validate(
            {
                "model": "openai:stub",
                "base_url": f"http://127.0.0.1:{port}/v1",
                "simulate": {"talks": chosen.talks, "concurrency": chosen.concurrency},
            }
        )
        with tempfile.TemporaryDirectory() as folder:
            run(study.sized(1), Path(folder))  # imports are no round's
        for place in range(chosen.rounds):
            with tempfile.TemporaryDirectory() as folder:
                for again in ("", " again"):
                    for stage in STAGES:
                        print(f"round {place + 1}: {stage}{again}", file=sys.stderr)
                        found[stage + again].append(timed(study, Path(folder), stage, port, server.pid))
                size = sum(path.stat().st_size for path in Path(folder).iterdir())
        server.stdin.close()
    funnel = found["refine"][0].funnel
    assert funnel is not None
    print_table(("funnel", "count"), funnel.rows())
    print_table(
        ("stage", "talks", "requests", "talks/s", "calls/s", "CPU ms/call", "server busy"),
        [line(name, rounds) for name, rounds in found.items()],
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"run folder {size / 1e6:.1f} MB, peak memory of the process {peak:.0f} MiB (embedder included)")


def timed(study: Study, folder: Path, stage: Stage, port: int, server: int) -> Timed:
    """Do one stage."""
    before, busy, began, processor = asked(port), processor_of(server), time.perf_counter(), time.process_time()
    result = run(study, folder, stages=(stage,))
    took, processor = time.perf_counter() - began, time.process_time() - processor
    busy = processor_of(server) - busy
    return Timed(result.dialogues, asked(port) - before, took, processor, busy / took, result.funnel)


def processor_of(process: int) -> float:
    """Seconds of processor time of another process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def line(name: str, rounds: Sequence[Timed]) -> tuple[str, ...]:
    """A row of the table; calls are left out where there were none."""
    first = rounds[0]
    talks = spread([one.dialogues / one.seconds for one in rounds])
    cells = [name, str(first.dialogues), str(first.requests), _words(talks)]
    if not first.requests:
        return (*cells, "-", "-", "-")
    calls = spread([one.requests / one.seconds for one in rounds])
    each = spread([1000 * one.processor / one.requests for one in rounds])
    return (*cells, _words(calls), _words(each), f"{median(one.server_busy for one in rounds):.0%}")


def _words(found: tuple[float, float, float]) -> str:
    middle, low, high = found
    return f"{middle:.2f} ({low:.2f}-{high:.2f})" if middle < 10 else f"{middle:.1f} ({low:.1f}-{high:.1f})"


def asked(port: int) -> int:
    """Requests the server has seen."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats") as reply:
        return int(json.load(reply)["requests"])


if __name__ == "__main__":
    main()
