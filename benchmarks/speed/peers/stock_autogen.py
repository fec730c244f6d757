"""AutoGen as its documentation shows it: assistants in a round-robin group chat over one shared OpenAI client."""

import asyncio
import logging
from typing import TYPE_CHECKING

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import ModelFamily, ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient

if TYPE_CHECKING:
    from culturepark.benchmarks.speed.peers.measure import Job

logging.disable(logging.CRITICAL)


async def hold(job: "Job") -> int:
    """One team a talk, nothing stored."""
    gate = asyncio.Semaphore(job.concurrency)
    info = ModelInfo(
        vision=False, function_calling=False, json_output=False, structured_output=False, family=ModelFamily.UNKNOWN
    )
    client = OpenAIChatCompletionClient(
        model="stub", base_url=job.base_url, api_key="none", model_info=info, max_tokens=120, temperature=0.8
    )

    async def talk() -> int:
        async with gate:
            agents = [
                AssistantAgent(name.lower(), model_client=client, system_message=system)
                for name, system in job.personas
            ]
            done = await RoundRobinGroupChat(list(agents), max_turns=job.turns).run(task=job.task)
            return len(done.messages) - 1

    turns = await asyncio.gather(*[talk() for _ in range(job.talks)])
    await client.close()
    return sum(count == job.turns for count in turns)
