"""sdialog: two agents with `dialog_with`, which is synchronous, so a thread a talk in flight."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from langchain_openai import ChatOpenAI
from sdialog.agents import Agent

if TYPE_CHECKING:
    from culturepark.benchmarks.speed.peers.measure import Job

logging.disable(logging.INFO)  # a line for every request


def hold(job: "Job") -> int:
    """One pair of agents a talk over one shared model."""
    model = ChatOpenAI(model="stub", base_url=job.base_url, api_key="none", max_tokens=120, temperature=0.8)

    def talk(_: int) -> int:
        first, second = (
            Agent(name=name, system_prompt=system, model=model, can_finish=False) for name, system in job.personas
        )
        return len(first.dialog_with(second, max_turns=job.turns, context=job.task).turns)

    with ThreadPoolExecutor(job.concurrency) as pool:
        return sum(count == job.turns for count in pool.map(talk, range(job.talks)))
