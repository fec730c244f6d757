"""Talks and refinement over an endpoint that fails in every way at once: `python -m benchmarks.faults.endpoint [--talks N]`.

A third of the requests are struck, by seed. The run must end with every talk complete or listed with its reason,
without a request sooner than the endpoint asked for; the same command over a healthy endpoint then completes what failed.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.faults.process import errors_of, start
from culturepark.runtime.store import open_store
from culturepark.simulation.talks import load_transcripts
from tests.stub_server import Fault, serving

FAULTS: Final = (
    Fault("status", rate=0.04, status=429, retry_after=0.3),
    Fault("status", rate=0.01, status=429, retry_after=0.5, dated=True),
    Fault("status", rate=0.04, status=500),
    Fault("status", rate=0.03, status=502, retry_after=0.2),
    Fault("reset", rate=0.03),
    Fault("hang", rate=0.01),
    Fault("invalid_json", rate=0.03),
    Fault("empty_choices", rate=0.03),
    Fault("odd_finish", rate=0.03),
    Fault("content_filter", rate=0.03),
    Fault("huge", rate=0.01),
    Fault("drip", rate=0.01),
    Fault("invalid_utf8", rate=0.03),
)
STUDY = """\
name: storm
seed: 2
model: openai:stub
base_url: {url}
simulate: {{talks: {talks}, concurrency: 16}}
limits: {{timeout: 3, attempts: {attempts}}}
"""


class Stormed(NamedTuple):
    """How a run over a failing endpoint ended."""

    talks: int
    complete: int
    failed: Counter[str]
    """Talks by the reason they are listed with, without the address."""
    requests: int
    faults: Counter[str]
    """Requests that were struck, by kind."""
    impatient: int
    """Requests that came sooner than the endpoint had asked for."""
    completed_after: int
    """Talks that are complete after the same command over a healthy endpoint."""
    seconds: float
    problems: tuple[str, ...]


def main() -> None:
    """Run, print what was struck and what became of the talks, and exit with 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--talks", type=int, default=64)
    parser.add_argument("--attempts", type=int, default=3)
    parser.add_argument("--seed", type=int, default=20240515)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = storm(Path(folder), talks=chosen.talks, attempts=chosen.attempts, seed=chosen.seed)
    struck = ", ".join(f"{kind} {count}" for kind, count in sorted(found.faults.items()))
    print(f"{found.requests} requests, {found.faults.total()} struck ({struck}) in {found.seconds:.0f} s")
    print(f"{found.talks} talks: {found.complete} complete, {found.failed.total()} listed with their reason")
    for reason, count in found.failed.most_common():
        print(f"  {count} x {reason}")
    print(f"{found.impatient} requests came before the time of a Retry-After")
    print(f"complete after the same command over a healthy endpoint: {found.completed_after} of {found.talks}")
    for problem in found.problems:
        print(f"WRONG: {problem}")
    sys.exit(1 if found.problems else 0)


def storm(folder: Path, *, talks: int, attempts: int, seed: int) -> Stormed:
    """Hold and refine talks while the endpoint fails, then finish them when it does not."""
    study, run = folder / "study.yaml", folder / "run"
    problems: list[str] = []
    with serving(faults=FAULTS, seed=seed, delay=0.01) as stub:
        study.write_text(STUDY.format(url=stub.base_url, talks=talks, attempts=attempts), encoding="utf-8")
        began = time.monotonic()
        first = _run(study, run, folder / "storm.json", problems)
        seconds = time.monotonic() - began
        stats = stub.stats
        stub.faults = ()
        stub.reset()
        _run(study, run, folder / "calm.json", problems)
    failed = Counter(failure["reason"].replace(stub.base_url, "endpoint") for failure in first["failed"])
    if first["dialogues"] + failed.total() != talks:
        problems.append(f"{talks} talks were planned, {first['dialogues']} are complete, {failed.total()} are listed")
    if first["requests_sent"] != stats.requests:
        problems.append(f"{first['requests_sent']} requests were counted, {stats.requests} arrived")
    if stats.impatient:
        problems.append(f"{stats.impatient} requests came before the time of a Retry-After")
    if missing := {fault.kind for fault in FAULTS} - set(stats.faults):
        problems.append(f"never struck: {', '.join(sorted(missing))}; use more talks")
    store = open_store(run, create=False)
    after = sum(talk.status == "complete" for talk in load_transcripts(store))
    store.close()
    if after != talks:
        problems.append(f"{after} of {talks} talks are complete in the end")
    return Stormed(
        talks,
        first["dialogues"],
        failed,
        stats.requests,
        stats.faults,
        stats.impatient,
        after,
        seconds,
        tuple(problems),
    )


def _run(study: Path, run: Path, output: Path, problems: list[str]) -> dict[str, Any]:
    child = start(["run", str(study), "--run", str(run), "--json"], output=output)
    child.join()
    said = errors_of(output).read_text("utf-8")
    if child.exitcode not in {0, 1} or "Traceback" in said:
        problems.append(f"exit code {child.exitcode}: {said}")
        return {"failed": [], "dialogues": 0, "requests_sent": 0}
    found: dict[str, Any] = json.loads(output.read_text("utf-8"))
    return found


if __name__ == "__main__":
    main()
