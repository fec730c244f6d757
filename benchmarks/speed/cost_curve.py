"""How time and store grow with the number of talks: `python -m benchmarks.speed.cost_curve [--sizes 100,1000]`.

Each size is really held over the scripted server (a process of its own), `--repeats` times, in a run folder of its own.
For `--copied`, the rows of the largest run are written again under other ids, without a model, up to so many talks:
what size, listing and memory are then. With `--refine`, a copy of each size's first run is refined twice; the second
time no request is sent and no embedder loaded, and its peak memory is read: how much it grows with each further talk.
Growth is the slope of log(seconds) and log(bytes) over log(talks), with a 95 % t interval of the regression; 1 is
linear. Ends with 1 when a slope is above 1.05 by more than its interval.
"""

import argparse
import json
import math
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from scipy import stats

from culturepark.runtime.console import print_table
from culturepark.runtime.store import open_store
from culturepark.simulation import talks as _talks  # noqa: F401  (declares its tables)

STEEPEST = 1.05
ENVIRONMENT = {**os.environ, "OPENAI_API_KEY": "none"}
COPIES = {
    "listed_talks": {"talk": "talk || :suffix", "position": "position + :behind"},
    "talks": {"id": "id || :suffix", "position": "position + :behind", "plan": "replace(plan, id, id || :suffix)"},
    "turns": {"talk": "talk || :suffix"},
    "replies": {"key": "key || :suffix", "prompt": "prompt || :suffix"},
    "messages": {"hash": "hash || :suffix", "parent": "parent || :suffix"},
}
"""Column to what stands in a copy of its row."""


class Point(NamedTuple):
    """One run that was held."""

    talks: int
    seconds: float
    bytes: int
    memory: int
    """Peak of the process, in bytes."""


class Growth(NamedTuple):
    """A slope on double logarithmic axes."""

    exponent: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.exponent:.3f} ({self.low:.3f} to {self.high:.3f})"


def main() -> None:
    """Hold, copy, list, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100,1000", help="talks, comma-separated")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--turns", type=int, default=14)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds of a reply")
    parser.add_argument("--copied", type=int, default=100_000, help="talks written straight into the store; 0 for none")
    parser.add_argument("--refine", action="store_true", help="read the memory of refining, too")
    chosen = parser.parse_args()
    sizes = [int(size) for size in chosen.sizes.split(",")]
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors, {chosen.turns} turns a talk")
    with tempfile.TemporaryDirectory() as place, _server(chosen.delay) as url:
        points = [
            _held(Path(place) / f"run-{size}-{repeat}", size, chosen, url)
            for size in sizes
            for repeat in range(chosen.repeats)
        ]
        rows = [
            (p.talks, p.seconds, p.talks / p.seconds, p.bytes / 1e6, p.bytes / p.talks / 1e3, p.memory / 2**20)
            for p in points
        ]
        print_table(("talks", "seconds", "talks/s", "store MB", "KB a talk", "peak MiB"), rows)
        steep = False
        if len(sizes) > 1:
            growth = {
                "time": _growth([(point.talks, point.seconds) for point in points]),
                "store": _growth([(point.talks, point.bytes) for point in points]),
            }
            print_table(("growth", "exponent (95 %)"), [(name, str(found)) for name, found in growth.items()])
            steep = any(found.low > STEEPEST for found in growth.values())
        if chosen.refine:
            _refined(Path(place), sizes)
        if chosen.copied:
            _copied(Path(place) / f"run-{sizes[-1]}-0", sizes[-1], chosen.copied)
    sys.exit(int(steep))


def _held(folder: Path, talks: int, chosen: argparse.Namespace, url: str) -> Point:
    """Hold talks with the command, in a process of its own, so that its memory is its own."""
    command = ["simulate", "--run", folder, "--model", "openai:stub", "--base-url", url, "--limit", talks]
    command += [
        "--protocol",
        "free-chat",
        "--protocol-arg",
        f"turns={chosen.turns}",
        "--concurrency",
        chosen.concurrency,
    ]
    document = json.loads(_culturepark(*command, "--json"))
    assert document["dialogues"] == talks, document["failed"]
    return Point(talks, document["seconds"]["simulate"], _size(folder), document["peak_memory"])


def _refined(place: Path, sizes: Sequence[int]) -> None:
    """Refine a copy of one run of each size; say how much memory it takes."""
    peaks: list[float] = []
    for size in sizes:
        folder = shutil.copytree(place / f"run-{size}-0", place / f"refined-{size}")
        _culturepark("refine", "--run", folder)
        peaks.append(_peak("refine", "--run", folder))
    growth = ["-", *(1024 * (b - a) / (n - m) for (a, m), (b, n) in pairwise(zip(peaks, sizes, strict=True)))]
    print_table(("refined talks", "peak MiB", "KiB for each more"), list(zip(sizes, peaks, growth, strict=True)))


def _copied(folder: Path, held: int, wanted: int) -> None:
    """Copy a run's rows up to a number of talks; say how large it is, and how long and how much memory a list takes."""
    store = open_store(folder)
    began = time.perf_counter()
    with store.engine.connect() as connection:
        columns = {table: [one["name"] for one in sa.inspect(connection).get_columns(table)] for table in COPIES}
        for table in COPIES:
            connection.exec_driver_sql(f"CREATE TEMP TABLE held_{table} AS SELECT * FROM {table}")
        connection.commit()
        for number in range(1, math.ceil(wanted / held)):
            values = {"suffix": f"-{number}", "behind": number * held}
            for table, changed in COPIES.items():
                names = ", ".join(f'"{name}"' for name in columns[table])
                copies = ", ".join(changed.get(name, f'"{name}"') for name in columns[table])
                statement = f"INSERT INTO {table} ({names}) SELECT {copies} FROM held_{table}"
                connection.execute(sa.text(statement), {k: v for k, v in values.items() if f":{k}" in statement})
            connection.commit()
    store.close()
    took = time.perf_counter() - began
    whole = [_timed("transcripts", "list", "--run", folder) for _ in range(5)]
    few = [_timed("transcripts", "list", "--run", folder, "--limit", 20) for _ in range(5)]
    documents = [_timed("transcripts", "list", "--run", folder, "--json") for _ in range(5)]
    helped = [_timed("--help") for _ in range(5)]
    listed = len(_culturepark("transcripts", "list", "--run", folder).splitlines()) - 1
    rows = [
        ("talks", listed),
        ("written in, s", took),
        ("store, MB", _size(folder) / 1e6),
        ("KB a talk", _size(folder) / listed / 1e3),
        ("list, s (median of 5)", sorted(one.seconds for one in whole)[2]),
        ("list, s of processor", sorted(one.processor for one in whole)[2]),
        ("list --limit 20, s (median of 5)", sorted(one.seconds for one in few)[2]),
        ("list, peak MiB", _peak("transcripts", "list", "--run", folder)),
        ("list --json, s (median of 5)", sorted(one.seconds for one in documents)[2]),
        ("list --json, s of processor", sorted(one.processor for one in documents)[2]),
        ("--help, s (median of 5)", sorted(one.seconds for one in helped)[2]),
        ("--help, s of processor", sorted(one.processor for one in helped)[2]),
    ]
    print_table(("copied", "amount"), rows)


def _growth(points: Sequence[tuple[float, float]]) -> Growth:
    """Regress the logarithms."""
    fitted = stats.linregress([math.log(x) for x, _ in points], [math.log(y) for _, y in points])
    wide = stats.t.ppf(0.975, len(points) - 2) * fitted.stderr if len(points) > 2 else math.inf
    return Growth(float(fitted.slope), float(fitted.slope - wide), float(fitted.slope + wide))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


class Timed(NamedTuple):
    """How long a command took, and how long it kept a processor busy; in seconds."""

    seconds: float
    processor: float


def _timed(*arguments: object) -> Timed:
    before, began = _children(), time.perf_counter()
    _culturepark(*arguments)
    return Timed(time.perf_counter() - began, _children() - before)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak(*arguments: object) -> float:
    """Peak MiB of a command, read by the process itself."""
    code = (
        "import sys; from culturepark.cli import app; app(sys.argv[1:], standalone_mode=False); "
        # Not `ru_maxrss`, which a new process has from the one that started it.
        "status = dict(line.split(':', 1) for line in open('/proc/self/status')); "
        "sys.stderr.write('\\n' + str(int(status['VmHWM'].split()[0]) / 1024))"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return float(done.stderr.splitlines()[-1])


def _culturepark(*arguments: object) -> str:
    command = [sys.executable, "-m", "culturepark", *map(str, arguments)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout


@contextmanager
def _server(delay: float) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.stub_server", "--port", "0", "--delay", str(delay), "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield f"http://127.0.0.1:{json.loads(server.stdout.readline())['port']}/v1"
        server.stdin.close()


if __name__ == "__main__":
    main()
