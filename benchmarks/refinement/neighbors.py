"""How fast exact neighbours are found, and whether all are: `python -m benchmarks.refinement.neighbors [SIZE ...]`.

Random unit vectors in clusters, 384 numbers each. Every search is a process of its own, so that its memory is its own.
Two jobs: `dedupe` keeps what is near to nothing kept before, as refining does; `neighbors` lists all earlier neighbours
of every row. Recall is held against brute force in float64 on a sample of rows. semhash (an approximate index) is
measured beside it where it is installed: `pip install semhash`.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from culturepark.postprocess.neighbors import KeptNeighbors

DIMENSIONS = 384
MIN_COSINE = 0.9
CLUSTER = 4
"""Rows in a cluster, on average."""
SPREAD = (0.1, 0.5)
"""Distance from the middle of a cluster: two rows of one have cosines of about 0.8 to 0.99."""
SAMPLE = 500
SIZES = (10_000, 41_000)
REPEATS = 3
ONCE = 100_000
"""Sizes from which one run has to do."""
LIMIT_OF_SEMHASH = 50_000
Vectors = NDArray[np.float32]


def clustered(n: int, *, seed: int = 0) -> Vectors:
    """Unit rows around random middles, shuffled."""
    rng = np.random.default_rng(seed)
    middles = rng.normal(size=(max(1, n // CLUSTER), DIMENSIONS)).astype(np.float32)
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    rows = middles[rng.integers(len(middles), size=n)]
    spread = rng.uniform(*SPREAD, size=(n, 1)).astype(np.float32)
    for begin in range(0, n, 10_000):
        part = rows[begin : begin + 10_000]
        part += spread[begin : begin + 10_000] * rng.normal(size=part.shape).astype(np.float32) / DIMENSIONS**0.5
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def exact(vectors: Vectors, job: str) -> list[set[int]]:
    """Earlier neighbours of every row: of all, or of the kept ones."""
    found: list[set[int]] = []
    search = KeptNeighbors(vectors, min_cosine=MIN_COSINE)
    for row, near, _ in search:
        found.append(set(near.tolist()))
        if job == "neighbors" or not len(near):
            search.keep(row)
    return found


def semhash(vectors: Vectors, job: str) -> list[set[int]]:
    """The same by semhash's index, built included."""
    from semhash import SemHash  # noqa: PLC0415

    index = SemHash.from_embeddings(vectors, [str(row) for row in range(len(vectors))], model=None)
    if job == "dedupe":
        merged = index.self_deduplicate(threshold=MIN_COSINE).filtered
        found: list[set[int]] = [set() for _ in vectors]
        for record in merged:
            found[int(str(record.record))] = {int(str(record.duplicate_of))}
        return found
    near = index.index.query_threshold(index.index.vectors, threshold=MIN_COSINE)
    return [{int(one) for one in rows if one < place} for place, (rows, _) in enumerate(near)]


def recall(vectors: Vectors, found: list[set[int]], job: str) -> float:
    """Share of true neighbours found, over a sample of rows; of `dedupe`, of rows rightly called near to a kept one."""
    sample = np.random.default_rng(1).choice(len(vectors), size=min(SAMPLE, len(vectors)), replace=False)
    kept = np.array([not near for near in found])
    hits = true = 0
    for row in sample.tolist():
        cosines = vectors[:row].astype(np.float64) @ vectors[row].astype(np.float64) if job == "neighbors" else None
        if cosines is not None:
            real = set(np.flatnonzero(cosines >= MIN_COSINE).tolist())
            true += len(real)
            hits += len(real & found[row])
        else:
            others = kept.copy()
            others[row] = False
            near = bool((vectors[others].astype(np.float64) @ vectors[row].astype(np.float64) >= MIN_COSINE).any())
            true += near
            hits += near and bool(found[row])
    return hits / true if true else 1.0


def one(method: str, job: str, n: int) -> None:
    """Run one search and print what it took as JSON."""
    vectors = clustered(n)
    begun, worked = time.perf_counter(), time.process_time()
    found = exact(vectors, job) if method == "exact" else semhash(vectors, job)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - worked
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps({"seconds": seconds, "cpu": cpu, "memory": memory, "recall": recall(vectors, found, job)}))


def runs(method: str, job: str, n: int) -> Iterator[dict[str, float]]:
    """Run it in processes of its own."""
    for _ in range(1 if n >= ONCE else REPEATS):
        command = [sys.executable, "-m", "benchmarks.refinement.neighbors", "--one", method, job, str(n)]
        yield json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main(sizes: list[int]) -> None:
    """Print seconds (median and range), processor seconds, memory and recall, then what follows from the latter."""
    installed = importlib.util.find_spec("semhash") is not None
    if not installed:
        print("semhash is NOT installed, so nothing is compared with it: pip install semhash", file=sys.stderr)
    print("| job | method | n | seconds | range | processor seconds | range | peak memory, GB | recall |")
    print("|---|---|---|---|---|---|---|---|---|")
    times: dict[tuple[str, str], dict[int, float]] = {}
    for job in ("dedupe", "neighbors"):
        for method in ("exact", "semhash") if installed else ("exact",):
            for n in sizes:
                if (method == "semhash" or job == "neighbors") and n > LIMIT_OF_SEMHASH:
                    continue
                done = [*runs(method, job, n)]
                seconds, cpu = (sorted(run[what] for run in done) for what in ("seconds", "cpu"))
                # On a machine that others use, processor time says more than the clock.
                times.setdefault((job, method), {})[n] = cpu[len(cpu) // 2]
                print(
                    f"| {job} | {method} | {n} | {seconds[len(seconds) // 2]:.2f} | {seconds[0]:.2f}-{seconds[-1]:.2f} "
                    f"| {cpu[len(cpu) // 2]:.2f} | {cpu[0]:.2f}-{cpu[-1]:.2f} "
                    f"| {max(run['memory'] for run in done):.2f} | {min(run['recall'] for run in done):.4f} |",
                    flush=True,
                )
    for (job, method), found in times.items():
        if len(found) > 1:
            slope = np.polyfit(np.log([*found]), np.log([*found.values()]), 1)[0]
            print(f"{job}, {method}: processor seconds grow as n to the power of {slope:.2f}")
    for job in ("dedupe", "neighbors"):
        both = times.get((job, "semhash"), {}).keys() & times.get((job, "exact"), {}).keys()
        for n in sorted(both):
            faster = times[job, "semhash"][n] / times[job, "exact"][n]
            print(f"{job} at {n}: semhash takes {faster:.2f} times the processor seconds of the exact search")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[*SIZES])
    parser.add_argument("--one", nargs=3, metavar=("METHOD", "JOB", "N"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        one(chosen.one[0], chosen.one[1], int(chosen.one[2]))
    else:
        main(chosen.sizes)
