"""The limit: a loop over one HTTP session, with no library, no store, no retries."""

import asyncio
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from culturepark.benchmarks.speed.peers.measure import Job


async def hold(job: "Job") -> int:
    """Each speaker sees its system message and the talk so far."""
    gate = asyncio.Semaphore(job.concurrency)
    connector = aiohttp.TCPConnector(limit=0)

    async def talk(session: aiohttp.ClientSession) -> int:
        said: list[str] = []
        async with gate:
            for turn in range(job.turns):
                _, system = job.personas[turn % 2]
                messages = [{"role": "system", "content": system}, {"role": "user", "content": job.task}]
                messages += [
                    {"role": "assistant" if index % 2 == turn % 2 else "user", "content": text}
                    for index, text in enumerate(said)
                ]
                body = {"model": "stub", "messages": messages, "max_tokens": 120, "temperature": 0.8}
                async with session.post(f"{job.base_url}/chat/completions", json=body) as reply:
                    said.append((await reply.json())["choices"][0]["message"]["content"])
        return len(said)

    async with aiohttp.ClientSession(connector=connector) as session:
        turns = await asyncio.gather(*[talk(session) for _ in range(job.talks)])
    return sum(count == job.turns for count in turns)
