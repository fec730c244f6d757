"""What merging loses: `python -m benchmarks.refinement.nuance [--embedder NAME]`.

In each language, planted opinions with their paraphrases and near misses, all under one question and one stance, go
through each method at the strictest setting that merges 90 % of the paraphrases of the language. A near miss is lost
when the same opinion stands for it and for the text that it misses.
"""

import argparse
import asyncio
import importlib.util
import sys
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.refinement.planted import KINDS, METHODS, Planted, Vectors, opinion, planted
from culturepark.benchmarks.statistics import wilson
from culturepark.postprocess.opinion import Opinion
from culturepark.runtime.models.embedders import DEFAULT_EMBEDDER, MULTILINGUAL, SentenceEmbedder

RECALL = 0.9
STEP = 0.005
CASES = ("text", "same", "other")


class Outcome(NamedTuple):
    """What one setting of a method did in one language."""

    setting: float
    found: list[Planted]
    """Paraphrases merged."""
    lost: list[Planted]
    """Near misses merged with what they miss."""


async def outcome(
    method: str, rows: Sequence[Planted], opinions: list[Opinion], vectors: Vectors, at: float
) -> Outcome:
    """Merge and compare."""
    stands = await METHODS[method](opinions, vectors, at)
    return Outcome(
        at,
        [row for place, row in enumerate(rows) if stands[f"{place}.same"] == stands[f"{place}.text"]],
        [
            row
            for place, row in enumerate(rows)
            if stands[f"{place}.other"] in {stands[f"{place}.text"], stands[f"{place}.same"]}
        ],
    )


async def at_recall(method: str, rows: Sequence[Planted], opinions: list[Opinion], vectors: Vectors) -> Outcome:
    """The strictest setting that merges 90 % of the paraphrases, else the one that merges most."""
    settings = (
        range(len(opinions) - 1, 0, -1)
        if method == "k-means"
        else np.arange(1 - STEP, 0.5 if method == "semhash" else -1, -STEP).tolist()
    )
    best: Outcome | None = None
    for setting in settings:
        found = await outcome(method, rows, opinions, vectors, float(setting))
        if best is None or len(found.found) > len(best.found):
            best = found
        if len(found.found) >= RECALL * len(rows):
            return found
        if method != "k-means" and setting < float((vectors @ vectors.T).min()):
            break
    assert best is not None
    return best


def interval(count: int, n: int) -> str:
    """A share with its Wilson interval."""
    bounds = wilson(count, n)
    return f"{count}/{n} = {count / n:.2f} ({bounds.low:.2f}-{bounds.high:.2f})"


async def main(embedder: SentenceEmbedder) -> None:
    """Print recall and losses by kind for each set of rows, then where each method was set."""
    methods = [name for name in METHODS if name != "semhash" or importlib.util.find_spec("semhash") is not None]
    if "semhash" not in methods:
        print("semhash is NOT installed, so it is left out: pip install semhash", file=sys.stderr)
    rows = planted()
    languages = sorted({row.language for row in rows} if embedder.name != DEFAULT_EMBEDDER else {"en"})
    print(f"embedder {embedder.name}; languages {', '.join(languages)}; each method set for {RECALL:.0%} recall")
    print("| set | method | paraphrases merged | near misses lost | " + " | ".join(KINDS) + " |")
    print("|---|---|---|---|" + "---|" * len(KINDS))
    settings: dict[tuple[str, str], dict[str, float]] = {}
    for name in ("a", "b", "c"):
        for method in methods:
            found: list[Planted] = []
            lost: list[Planted] = []
            n = 0
            for language in languages:
                own = [row for row in rows if row.language == language and row.set == name]
                opinions = [
                    opinion(getattr(row, case), id=f"{place}.{case}", language=language)
                    for place, row in enumerate(own)
                    for case in CASES
                ]
                vectors = embedder.encode([one.text for one in opinions])
                done = await at_recall(method, own, opinions, vectors)
                settings.setdefault((name, method), {})[language] = done.setting
                found += done.found
                lost += done.lost
                n += len(own)
            kinds = Counter(row.kind for row in lost)
            print(
                f"| {name} | {method} | {interval(len(found), n)} | {interval(len(lost), n)} | "
                + " | ".join(str(kinds[kind]) for kind in KINDS)
                + " |",
                flush=True,
            )
            if method == "threshold":
                for row in lost:
                    print(f"lost: {row.language}, {row.kind}: {row.text} / {row.other}", file=sys.stderr)
    for (name, method), found_settings in settings.items():
        listed = ", ".join(f"{language} {setting:g}" for language, setting in found_settings.items())
        print(f"set {name}, {method}: {listed}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedder", default=MULTILINGUAL)
    asyncio.run(main(SentenceEmbedder(parser.parse_args().embedder)))
