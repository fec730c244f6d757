"""kill -9 at random moments, then resume: `python -m benchmarks.speed.kills [--kills N]`.

Runs the whole job over the scripted server, kills it N times, resumes, and compares with an uninterrupted run:
every talk and sample there once, and at most distinct requests + concurrency x kills sent.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.stub_server import serving

FLIGHT = 8


def main() -> None:
    """Kill, resume, compare, and exit with 1 when anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--talks", type=int, default=24)
    parser.add_argument("--seed", type=int, default=20240515)
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    with serving(delay=0.05) as stub, tempfile.TemporaryDirectory() as folder:
        whole = document(job(stub.base_url, Path(folder) / "whole", chosen.talks))
        distinct = stub.stats.distinct
        stub.reset()
        killed = 0
        while killed < chosen.kills:
            child = subprocess.Popen(
                job(stub.base_url, Path(folder) / "run", chosen.talks),
                env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            target = stub.stats.requests + rng.randint(1, max(2, distinct // chosen.kills))
            while stub.stats.requests < target and child.poll() is None:
                time.sleep(0.005)
            child.kill()
            child.wait()
            killed += 1
        resumed = document(job(stub.base_url, Path(folder) / "run", chosen.talks))
        sent, again = stub.stats.requests, stub.stats.distinct
    same = all(resumed[key] == whole[key] for key in ("dialogues", "turns", "flagged", "funnel", "failed"))
    bound = distinct + FLIGHT * killed
    print(f"{killed} kills; {whole['dialogues']} talks, {whole['turns']} turns, {whole['funnel']['samples']} samples")
    print(f"resumed equals uninterrupted: {same}; distinct requests {again} (uninterrupted {distinct})")
    print(f"requests sent {sent}, bound {bound}: {sent - again} were in flight at a kill and asked again")
    sys.exit(0 if same and again == distinct and sent <= bound else 1)


def job(url: str, run: Path, talks: int) -> list[str]:
    """The main job's command."""
    options = ["--model", "openai:stub", "--base-url", url, "--limit", str(talks), "--concurrency", str(FLIGHT)]
    return [sys.executable, "-m", "culturepark", "run", "--run", str(run), *options, "--json"]


def document(command: list[str]) -> dict[str, Any]:
    """Run to the end and read the result."""
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def environment() -> dict[str, str]:
    """Ours, with a key for the scripted server."""
    return {**os.environ, "OPENAI_API_KEY": "none"}


if __name__ == "__main__":
    main()
