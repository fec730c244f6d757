"""A whole simulation with a built-in model beside the same prompts sent straight to the same server.

    python -m benchmarks.speed.builtin_model [--model smollm2-135m] [--talks 8] [--rounds 3]

Tokens a second of `simulate` (store, ledger, turn checks, AutoGen and all) divided by those of a bare loop that sends
the requests the simulation made, as many talks at once, to a fresh server; rounds of the two in turn. What the prefix
cache spares is printed too, beside what it could spare: the part of the prompts that begins as an earlier request of
the same talk did. The rest is new: a seat's sheet the first time, what was said since its last turn, and the request
for the line, which comes last and is not kept.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import aiohttp

from culturepark.personas.casting import cast_talks
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.protocols.catalogue import load_protocol
from culturepark.runtime.committed import committed, other_draw
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.endpoint import Endpoint
from culturepark.runtime.models.opening import BUILTIN_SLOTS, open_model
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.progress import Silent
from culturepark.runtime.request import Request
from culturepark.runtime.store import Store, open_store
from culturepark.simulation.plan import SimulateSettings, plan_talks
from culturepark.simulation.run import simulate
from culturepark.simulation.talks import load_transcripts, save_plans

SPEAKERS = 2


class Speed(NamedTuple):
    """What one way of asking took."""

    seconds: float
    tokens_in: int
    tokens_cached: int
    tokens_out: int

    def __str__(self) -> str:
        share = self.tokens_cached / self.tokens_in
        return (
            f"{self.tokens_out} tokens in {self.seconds:.1f} s, {self.tokens_out / self.seconds:.1f} a second; "
            f"{share:.3f} of {self.tokens_in} prompt tokens from the prefix cache"
        )


async def simulation(model: str, settings: SimulateSettings, folder: Path) -> tuple[Speed, list[list[Request]]]:
    """Hold the talks; also returns the requests of each, in order."""
    spec, protocol = parse_model(f"builtin:{model}"), load_protocol(settings.protocol, settings.protocol_args)
    casting = cast_talks(settings, load_roster(), load_survey("wvs7"), seed=0)
    store = open_store(folder)
    try:
        async with open_model(spec) as opened:
            ledger = Ledger(store, opened.endpoint)
            plans = plan_talks(casting.talks, settings, protocol, model=ledger.identity, seed=0)
            start = time.perf_counter()
            await save_plans(store, plans)
            await simulate(
                store,
                ledger,
                [plan.id for plan in plans],
                protocol,
                sampling=settings.sampling,
                concurrency=settings.concurrency,
                progress=Silent(),
            )
            seconds = time.perf_counter() - start
        tally = ledger.tally
        return Speed(seconds, tally.tokens_in, tally.tokens_prefix, tally.tokens_out), _requests(store)
    finally:
        store.close()


def _requests(store: Store) -> list[list[Request]]:
    talks: list[list[Request]] = []
    for talk in load_transcripts(store):
        asked: list[Request] = []
        for turn in talk.turns:
            assert turn.request is not None
            kept = committed(store, turn.request)
            assert kept is not None
            draws = [other_draw(store, kept, draw) for draw in range(turn.draws)]
            asked += [draw.request for draw in draws if draw is not None]
        talks.append(asked)
    return talks


def repeated(talks: Sequence[Sequence[Request]]) -> float:
    """Share of all prompts, by letters, that begins as an earlier request of the same talk did."""
    known = whole = 0
    for requests in talks:
        texts = ["".join(f"<{one.role}>{one.content}" for one in request.messages) for request in requests]
        for place, text in enumerate(texts):
            whole += len(text)
            known += max((alike(text, before) for before in texts[:place]), default=0)
    return known / whole


def alike(one: str, other: str) -> int:
    """Length of the beginning that two texts share."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


async def straight(model: str, talks: Sequence[Sequence[Request]], concurrency: int) -> Speed:
    """Send what the talks sent, each talk's requests one after the other."""
    total = [0, 0, 0]
    async with open_model(parse_model(f"builtin:{model}")) as opened:
        endpoint = opened.endpoint
        assert isinstance(endpoint, Endpoint)
        assert opened.served is not None
        url = f"{opened.served.base_url}/chat/completions"
        gate = asyncio.Semaphore(concurrency)
        start = time.perf_counter()
        async with aiohttp.ClientSession() as session:

            async def talk(requests: Sequence[Request]) -> None:
                async with gate:
                    for request in requests:
                        async with session.post(url, json=endpoint.body(request)) as answer:
                            usage: dict[str, Any] = (await answer.json())["usage"]
                        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
                        for place, count in enumerate((usage["prompt_tokens"], cached, usage["completion_tokens"])):
                            total[place] += count

            await asyncio.gather(*[talk(requests) for requests in talks])
        return Speed(time.perf_counter() - start, *total)


def main() -> None:
    """Measure in turn and print the ratio of the medians' rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--talks", type=int, default=8)
    parser.add_argument("--turns", type=int, default=14)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    settings = SimulateSettings(
        talks=given.talks,
        protocol="free-chat",
        protocol_args={"turns": given.turns},
        concurrency=BUILTIN_SLOTS // SPEAKERS,
    )
    ratios = []
    for place in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            ours, talks = asyncio.run(simulation(given.model, settings, Path(folder)))
        bare = asyncio.run(straight(given.model, talks, settings.concurrency))
        ratios.append((ours.tokens_out / ours.seconds) / (bare.tokens_out / bare.seconds))
        print(f"round {place + 1}\n  simulate: {ours}\n  straight: {bare}\n  ratio {ratios[-1]:.3f}")
        print(
            f"  {repeated(talks):.3f} of the prompts' letters begin as an earlier request of the same talk", flush=True
        )
    print(f"median ratio {median(ratios):.3f} (lowest {min(ratios):.3f}, highest {max(ratios):.3f})")


if __name__ == "__main__":
    main()
