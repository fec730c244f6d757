"""inspect-ai: a sample a talk, a solver that generates turn by turn, its log written as it always is."""

import os
import tempfile
from typing import TYPE_CHECKING, Any

from inspect_ai import Task
from inspect_ai import eval as run
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, get_model
from inspect_ai.solver import solver

if TYPE_CHECKING:
    from culturepark.benchmarks.speed.peers.measure import Job


def hold(job: "Job") -> int:
    """Samples and connections as many as talks in flight."""
    os.environ["STUB_API_KEY"], os.environ["STUB_BASE_URL"] = "none", job.base_url

    def talking() -> Any:
        async def solve(state: Any, _: Any) -> Any:
            said: list[str] = []
            for turn in range(job.turns):
                heard = [
                    (ChatMessageAssistant if index % 2 == turn % 2 else ChatMessageUser)(content=text)
                    for index, text in enumerate(said)
                ]
                system = ChatMessageSystem(content=job.personas[turn % 2][1])
                reply = await get_model().generate([system, ChatMessageUser(content=job.task), *heard])
                said.append(reply.completion)
                state.messages.append(reply.message)
            return state

        return solve

    task = Task(dataset=[Sample(input=job.task) for _ in range(job.talks)], solver=solver(talking)())
    with tempfile.TemporaryDirectory() as folder:
        (log,) = run(
            task,
            model="openai-api/stub/stub",
            display="none",
            log_dir=folder,
            max_samples=job.concurrency,
            max_connections=job.concurrency,
            max_tokens=120,
            temperature=0.8,
        )
        return sum(len(sample.messages) == job.turns + 1 for sample in log.samples or [])
