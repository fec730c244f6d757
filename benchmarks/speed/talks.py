"""The whole job against the scripted server: `python -m benchmarks.speed.talks [--talks N] [--concurrency C]`.

Prints talks a second, the funnel, memory, and what a second identical run sends. The server is a process of its own.
Without `--talks`, every seed question in all eight countries.
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
from pathlib import Path

from culturepark.pipeline import Stage, run
from culturepark.study import Study

SERVER = "tests.stub_server"


def main() -> None:
    """Simulate and time, refine and time, then do both again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--talks", type=int)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--delay", type=float, default=0.05)
    chosen = parser.parse_args()
    os.environ.setdefault("OPENAI_API_KEY", "none")
    command = [sys.executable, "-m", SERVER, "--port", "0", "--delay", str(chosen.delay), "--until-eof"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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
        for again in (False, True):
            for stage in ("simulate", "refine"):
                timed(study, Path(folder), stage, port, again=again)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"run folder {size / 1e6:.1f} MB, peak memory of the process {peak:.0f} MiB (embedder included)")
    server.stdin.close()
    server.wait()


def timed(study: Study, folder: Path, stage: Stage, port: int, *, again: bool) -> None:
    """Do one stage and print how long it took and what reached the server."""
    before, began = asked(port), time.perf_counter()
    cpu = time.process_time()
    result = run(study, folder, stages=(stage,))
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(
        f"{stage}{' again' if again else ''}: {result.dialogues} talks, {result.turns} turns in {took:.2f} s "
        f"({result.dialogues / took:.1f} talks/s, {cpu:.1f} s of processor), {asked(port) - before} requests",
        flush=True,
    )
    if result.funnel is not None and not again:
        for name, count in result.funnel.rows():
            print(f"  {name:<28} {count}")


def asked(port: int) -> int:
    """Requests the server has seen."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats") as reply:
        return int(json.load(reply)["requests"])


if __name__ == "__main__":
    main()
