"""distilabel: it has no dialogues; its natural unit is a batch, so a batch of talks advances turn by turn."""

from typing import TYPE_CHECKING, Any

from distilabel.models import OpenAILLM

if TYPE_CHECKING:
    from culturepark.benchmarks.speed.peers.measure import Job


def hold(job: "Job") -> int:
    """As many talks in a batch as may be in flight."""
    llm = OpenAILLM(model="stub", base_url=job.base_url, api_key="none")
    llm.load()
    held = 0
    while held < job.talks:
        talks: list[list[str]] = [[] for _ in range(min(job.concurrency, job.talks - held))]
        for turn in range(job.turns):
            outputs = llm.generate(inputs=[_messages(job, said, turn) for said in talks], max_new_tokens=120)
            for said, output in zip(talks, outputs, strict=True):
                said.append(output["generations"][0])
        held += len(talks)
    return held


def _messages(job: "Job", said: list[str], turn: int) -> list[dict[str, Any]]:
    _, system = job.personas[turn % 2]
    heard = [
        {"role": "assistant" if index % 2 == turn % 2 else "user", "content": text} for index, text in enumerate(said)
    ]
    return [{"role": "system", "content": system}, {"role": "user", "content": job.task}, *heard]
