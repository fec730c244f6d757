"""What so many samples take: `python -m benchmarks.speed.scale_arithmetic [--samples 41000,41000000] [...]`.

Requests, tokens and samples of a talk come from `culturepark estimate` over a study with the shipped prompts; all else
is an option with its default, printed above the table. Nothing is measured here.
"""

import argparse
import asyncio
from typing import NamedTuple

from culturepark.estimate import OPINIONS_PER_TURN, estimate
from culturepark.runtime.console import print_table
from culturepark.study import Study

ESTIMATED_TALKS = 100
VECTOR_BYTES = 4 * 384
"""Of an opinion, by the default embedder."""


class TalkCost(NamedTuple):
    """What one talk takes, refinement included."""

    requests: float
    tokens_in: float
    tokens_out: float
    opinions: float
    samples: float


class Inputs(NamedTuple):
    """What is assumed beside the talk itself."""

    store_kb: float
    prefill: float
    cached: float
    decode: float
    cpu_ms: float
    talk_kib: float
    opinion_kib: float


class Scale(NamedTuple):
    """What a number of samples takes."""

    samples: int
    talks: float
    requests: float
    tokens_in: float
    tokens_out: float
    gpu_hours: float
    cpu_hours: float
    store_gb: float
    vectors_gb: float
    refine_gb: float


def main() -> None:
    """Print what is assumed, and a row for each number of samples."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", default="41000,410000,4100000,41000000", help="comma-separated")
    parser.add_argument("--turns", type=int, default=14)
    parser.add_argument("--samples-per-talk", type=float, help="else the middle of what `estimate` expects")
    parser.add_argument("--store-kb", type=float, default=140, help="of the store, a refined talk")
    parser.add_argument("--prefill", type=float, default=20_000, help="prompt tokens/s of a GPU")
    parser.add_argument("--cached", type=float, default=0.8, help="share of prompt tokens read from the prefix cache")
    parser.add_argument("--decode", type=float, default=2_500, help="output tokens/s of a GPU")
    parser.add_argument("--cpu-ms", type=float, default=4.5, help="processor time of ours, a request")
    parser.add_argument("--talk-kib", type=float, default=60, help="memory of a loaded talk while refining")
    parser.add_argument("--opinion-kib", type=float, default=7, help="memory of an opinion while refining")
    chosen = parser.parse_args()
    inputs = Inputs(**{name: getattr(chosen, name) for name in Inputs._fields})
    talk = talk_cost(chosen.turns, samples=chosen.samples_per_talk)
    given = [
        (f"a talk of {chosen.turns} turns: {name.replace('_', ' ')}", value) for name, value in talk._asdict().items()
    ]
    given += [(name.replace("_", " "), value) for name, value in inputs._asdict().items()]
    print_table(("given", "amount"), given)
    rows = [scale(int(samples), talk, inputs) for samples in chosen.samples.split(",")]
    columns = (
        "samples", "talks", "requests", "tokens in", "tokens out", "GPU hours", "CPU hours", "store GB", "vectors GB",
        "memory of refine GB",
    )  # fmt: skip
    print_table(columns, [tuple(_rounded(value) for value in row) for row in rows])


def talk_cost(turns: int, *, samples: float | None = None) -> TalkCost:
    """Ask `estimate` about a hundred talks between all shipped cultures, and divide."""
    simulate = {"talks": ESTIMATED_TALKS, "protocol": "free-chat", "protocol_args": {"turns": turns}}
    found = asyncio.run(estimate(Study.model_validate({"model": "openai:any", "simulate": simulate})))
    low, high = found.samples
    return TalkCost(
        requests=found.requests / found.talks,
        tokens_in=found.tokens_in / found.talks,
        tokens_out=found.tokens_out / found.talks,
        opinions=turns / 2 * OPINIONS_PER_TURN,
        samples=samples or (low + high) / 2 / found.talks,
    )


def scale(samples: int, talk: TalkCost, inputs: Inputs) -> Scale:
    """Multiply. Samples are taken to grow with talks as they do at first; `docs/scale.md` says where that ends."""
    talks = samples / talk.samples
    tokens_in, tokens_out = talks * talk.tokens_in, talks * talk.tokens_out
    opinions = talks * talk.opinions
    return Scale(
        samples=samples,
        talks=talks,
        requests=talks * talk.requests,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        gpu_hours=(tokens_in * (1 - inputs.cached) / inputs.prefill + tokens_out / inputs.decode) / 3600,
        cpu_hours=talks * talk.requests * inputs.cpu_ms / 1000 / 3600,
        store_gb=talks * inputs.store_kb / 1e6,
        vectors_gb=opinions * VECTOR_BYTES / 1e9,
        refine_gb=(talks * inputs.talk_kib + opinions * inputs.opinion_kib) * 1024 / 1e9,
    )


def _rounded(value: float) -> str:
    """Two digits are all that the inputs bear."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


if __name__ == "__main__":
    main()
