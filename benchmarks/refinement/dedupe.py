"""How well pairs that say the same are told: `python -m benchmarks.refinement.dedupe [--shared ../shared]`.

Pairs: the Microsoft Research Paraphrase Corpus (English news), KorSTS (Korean) and our own, planted in nine languages.
At the embedder's own threshold, `cosine` merges by nothing else and `threshold` by the merge rule of `refine`; both are
ranked for the average precision. k-means clusters all texts of a file, into as many clusters as there are meanings by
the labels; semhash has the same vectors and threshold.
"""

import argparse
import asyncio
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve

from benchmarks.refinement.planted import METHODS, opinion, planted
from culturepark.benchmarks.statistics import wilson
from culturepark.postprocess.marks import differences
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.embedders import DEFAULT_EMBEDDER, MULTILINGUAL, SentenceEmbedder

RESAMPLES = 2000
AIM = 0.9
"""Precision of the merge rule that a threshold is calibrated for."""


class Pair(NamedTuple):
    """Two texts, and whether they say the same."""

    one: str
    other: str
    language: str
    same: bool


def pairs(shared: Path) -> dict[str, list[Pair]]:
    """Labelled pairs by name."""
    found: dict[str, list[Pair]] = {}
    for name, language in (("en_mrpc", "en"), ("ko_korsts", "ko")):
        path = shared / f"data/paraphrase/{name}.jsonl"
        if not path.exists():
            print(f"{path} is not here, so {name} is left out", file=sys.stderr)
            continue
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        found[name] = [Pair(row["text_a"], row["text_b"], language, row["label"] == "paraphrase") for row in rows]
    for row in planted():
        own = found.setdefault(f"planted {row.language}", [])
        own += [Pair(row.text, row.same, row.language, True), Pair(row.text, row.other, row.language, False)]
    found["planted, all"] = [pair for name, own in found.items() if name.startswith("planted") for pair in own]
    return found


def average_precision(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> str:
    """With a bootstrap interval over pairs."""
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLES):
        chosen = rng.integers(len(labels), size=len(labels))
        if labels[chosen].any():
            drawn.append(average_precision_score(labels[chosen], scores[chosen]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{average_precision_score(labels, scores):.3f} ({low:.3f}-{high:.3f})"


def share(count: int, n: int) -> str:
    """With its Wilson interval."""
    if not n:
        return "-"
    bounds = wilson(count, n)
    return f"{count / n:.2f} ({bounds.low:.2f}-{bounds.high:.2f})"


async def merged(method: str, own: Sequence[Pair], vectors: NDArray[np.float32], setting: float) -> list[bool]:
    """Whether each pair ends as one when all texts of a file are merged together."""
    texts = sorted({text for pair in own for text in pair[:2]})
    ids = {text: f"{place:06d}" for place, text in enumerate(texts)}
    opinions = [opinion(text, id=ids[text], language=own[0].language) for text in texts]
    stands = await METHODS[method](opinions, vectors, setting)
    return [stands[ids[pair.one]] == stands[ids[pair.other]] for pair in own]


async def measure(name: str, own: Sequence[Pair], embedder: SentenceEmbedder, methods: Sequence[str]) -> list[str]:
    """Rows of the table for one file, and the calibration of its threshold."""
    texts = sorted({text for pair in own for text in pair[:2]})
    place = {text: number for number, text in enumerate(texts)}
    vectors = embedder.encode(texts)
    labels = np.array([pair.same for pair in own])
    cosines = np.array([float(vectors[place[pair.one]] @ vectors[place[pair.other]]) for pair in own])
    allowed = np.array([not differences(*pair[:3]) for pair in own])
    at = embedder.min_cosine
    said: dict[str, NDArray[np.bool_]] = {"cosine": cosines >= at, "threshold": (cosines >= at) & allowed}
    meanings = len(texts) - int(labels.sum())
    for method in methods:
        if "," not in name:
            setting = meanings if method == "k-means" else at
            said[method] = np.array(await merged(method, own, vectors, setting))
    lines = []
    for method, found in said.items():
        hits = int((found & labels).sum())
        ranked = average_precision(labels, np.where(allowed, cosines, -1.0) if method == "threshold" else cosines)
        lines.append(
            f"| {name} | {embedder.name} | {method} | {len(own)} | {share(hits, int(found.sum()))} "
            f"| {share(hits, int(labels.sum()))} | {ranked if method in {'cosine', 'threshold'} else '-'} |"
        )
    precision, _, cuts = precision_recall_curve(labels, np.where(allowed, cosines, -1.0))
    fit = cuts[precision[:-1] >= AIM]
    least = f"{fit.min():.3f}" if len(fit) else "none"
    print(f"{name}, {embedder.name}: lowest threshold at which the rule's precision is {AIM}: {least}", file=sys.stderr)
    return lines


async def main(shared: Path) -> None:
    """Print precision, recall and average precision."""
    methods = ["k-means", *(["semhash"] if importlib.util.find_spec("semhash") else [])]
    if "semhash" not in methods:
        print("semhash is NOT installed, so it is left out: pip install semhash", file=sys.stderr)
    print("| pairs | embedder | method | n | precision | recall | average precision |")
    print("|---|---|---|---|---|---|---|")
    for embedder in (SentenceEmbedder(DEFAULT_EMBEDDER), SentenceEmbedder(MULTILINGUAL)):
        for name, own in pairs(shared).items():
            if embedder.name == DEFAULT_EMBEDDER and name not in {"en_mrpc", "planted en"}:
                continue  # it reads English only
            try:
                print("\n".join(await measure(name, own, embedder, methods)), flush=True)
            except CultureParkError as error:
                print(error, file=sys.stderr)
                break


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    asyncio.run(main(parser.parse_args().shared))
