"""Talks of 14 turns, ours beside other libraries, in one run: `python -m benchmarks.speed.held_talks`.

Each library holds the same number of talks in its own natural way (`benchmarks/speed/peers/`), in an environment of
its own that this command makes, against one model server; ours with store and ledger on, the others with what they do
by default. The bare loop is the limit. Rounds go through all of them in turn, so that a busy minute hits all alike;
medians and the quartiles of the rounds are printed, and `--json` gives every number. `--checkouts` puts other versions
of CulturePark beside this one (folders, such as `git worktree add` makes).
"""

import argparse
import json
import os
import subprocess
import sys
import venv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from platformdirs import user_cache_path

from benchmarks.speed.model_server import answered, answering

SCRIPTS = Path(__file__).parent / "peers"
TURNS = 14
FEWEST = 16
"""Talks of a round: what a run costs whatever its size is spread over them."""
OURS = "culturepark_talks"
STOCK = "stock_autogen"


class Peer(NamedTuple):
    """A way to hold talks."""

    script: str
    requirements: tuple[str, ...]
    """Empty for what is installed here."""
    packages: tuple[str, ...]
    """Whose versions are printed."""
    checkout: Path | None = None
    """Folder of the version of CulturePark that is measured; None for what is installed."""

    @property
    def name(self) -> str:
        """How the table calls it."""
        return self.script if self.checkout is None else self.checkout.name


PEERS = (
    Peer(OURS, (), ("culturepark", "autogen-agentchat", "openai")),
    Peer(
        STOCK,
        ("autogen-agentchat==0.7.5", "autogen-ext[openai]==0.7.5"),
        ("autogen-agentchat", "autogen-ext", "openai"),
    ),
    Peer("sdialog_agents", ("sdialog",), ("sdialog", "langchain")),
    Peer("distilabel_rounds", ("distilabel[openai]", "requests"), ("distilabel", "openai")),
    Peer("inspect_solver", ("inspect-ai", "openai"), ("inspect-ai", "openai")),
    Peer("bare_loop", ("aiohttp",), ("aiohttp",)),
)


def python_of(peer: Peer) -> str:
    """The Python of a peer's environment, made the first time.

    Raises:
        subprocess.CalledProcessError: When it cannot be installed here.
    """
    if not peer.requirements:
        return sys.executable
    folder = user_cache_path("culturepark") / "peers" / peer.script
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        print(f"installing {peer.script}: {' '.join(peer.requirements)}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        # torch comes along with some of them, and unpinned it would bring CUDA packages of several GB.
        pinned = ("torch==2.13.0",) if peer.script == "sdialog_agents" else ()
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *pinned, *peer.requirements], check=True)
        ready.touch()
    return str(python)


def measure(peer: Peer, url: str, *, talks: int, concurrency: int) -> dict[str, Any]:
    """One round of one peer, with the calls that reached the server."""
    job = {"job": {"base_url": url, "talks": talks, "concurrency": concurrency}, "packages": peer.packages}
    before = answered(url)
    command = [python_of(peer), str(SCRIPTS / "measure.py"), peer.script]
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore", "TQDM_DISABLE": "1"}
    if peer.checkout is not None:
        quiet["PYTHONPATH"] = str(peer.checkout / "src")
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=False, env=quiet)
    if done.returncode:
        raise SystemExit(f"{peer.name}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    if found["talks"] != talks:
        raise SystemExit(f"{peer.name}: {found['talks']} of {talks} talks were held whole")
    found["calls"] = answered(url) - before - TURNS  # less the warm-up's
    return found


def row(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Medians and quartiles of a peer's rounds at one concurrency."""
    per_second = [one["talks"] / one["seconds"] for one in rounds]
    per_call = [1000 * one["cpu_seconds"] / one["calls"] for one in rounds]
    per_cpu_second = [one["talks"] / one["cpu_seconds"] for one in rounds]
    return {
        "talks_per_second": spread(per_second),
        "cpu_ms_per_call": spread(per_call),
        "talks_per_cpu_second": spread(per_cpu_second),
        "calls_per_talk": median(one["calls"] / one["talks"] for one in rounds),
        "mib_over_base": spread([one["peak_mib"] - one["base_mib"] for one in rounds]),
        "versions": rounds[0]["versions"],
    }


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, lower and upper quartile."""
    if len(values) == 1:
        return (values[0],) * 3
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return middle, low, high


def main() -> None:
    """Measure round by round and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--concurrency", default="1,16,64,256,1000")
    parser.add_argument("--delay", type=float, default=0.05, help="seconds a reply")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--talks",
        type=int,
        help=f"talks a round (twice as many as at once, at most 256, one each; {FEWEST} at least)",
    )
    parser.add_argument("--only", help=f"comma-separated: {', '.join(peer.script for peer in PEERS)}")
    parser.add_argument(
        "--checkouts", nargs="*", default=[], type=Path, help="folders of other versions of CulturePark"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    wanted = given.only.split(",") if given.only else [peer.script for peer in PEERS]
    peers = [PEERS[0]._replace(checkout=folder.resolve()) for folder in given.checkouts]
    peers += [peer for peer in PEERS if peer.script in wanted]
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    if not given.json:
        print("| at once | library | talks/s | CPU ms/call | talks per CPU s | KiB a talk in flight |")
        print("|---:|---|---:|---:|---:|---:|", flush=True)
    with answering(given.delay) as url:
        for concurrency in (int(one) for one in given.concurrency.split(",")):
            talks = given.talks or max(FEWEST, min(2 * concurrency, 256), concurrency)
            found: dict[str, list[dict[str, Any]]] = defaultdict(list)
            for place in range(given.rounds):
                for peer in peers:
                    print(f"{concurrency} at once, round {place + 1}: {peer.name}", file=sys.stderr)
                    found[peer.name].append(measure(peer, url, talks=talks, concurrency=concurrency))
            for name, rounds in found.items():
                rows[concurrency, name] = row(rounds)
                if not given.json:
                    print(line(concurrency, name, rows[concurrency, name]), flush=True)
    if given.json:
        print(json.dumps([{"concurrency": key[0], "peer": key[1], **one} for key, one in rows.items()], indent=2))
        return
    for name in dict.fromkeys(name for _, name in rows):
        found_versions = next(one["versions"] for key, one in rows.items() if key[1] == name)
        print(f"\n{name}: " + ", ".join(f"{package} {version}" for package, version in found_versions.items()), end="")
    print()


def line(concurrency: int, name: str, found: Mapping[str, Any]) -> str:
    """A row of the table."""
    rate, cpu = (_words(found[key], 1) for key in ("talks_per_second", "talks_per_cpu_second"))
    call = _words(found["cpu_ms_per_call"], 2)
    memory = found["mib_over_base"][0] * 1024 / concurrency
    return f"| {concurrency} | {name} | {rate} | {call} | {cpu} | {memory:.0f} |"


def _words(found: tuple[float, float, float], digits: int) -> str:
    middle, low, high = (f"{value:.{digits}f}" for value in found)
    return f"{middle} ({low}-{high})"


if __name__ == "__main__":
    main()
