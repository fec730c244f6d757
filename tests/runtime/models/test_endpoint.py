"""An endpoint that lacks something other endpoints have."""

import asyncio
from pathlib import Path

from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.endpoint import Endpoint
from culturepark.runtime.request import Message, Reply, Request, Sampling
from culturepark.runtime.store import open_store
from tests.stub_server import serving


def test_requests_that_were_under_way_when_log_probabilities_were_refused_are_asked_again(tmp_path: Path) -> None:
    def request(number: int) -> Request:
        text = f"{number} or not? Answer Yes, No or Maybe."
        sampling = Sampling(temperature=0, top_p=1, max_tokens=6)
        messages = (Message(role="user", content=text),)
        return Request(messages=messages, purpose="verify", sampling=sampling, labels=("Yes", "No", "Maybe"))

    async def main(url: str) -> list[Reply]:
        store = open_store(tmp_path)
        endpoint = Endpoint(identity="openai:stub", model="stub", base_url=url, dialect="compatible")
        try:
            ledger = Ledger(store, endpoint)
            return [
                one.reply for one in await asyncio.gather(*(ledger.complete(request(number)) for number in range(8)))
            ]
        finally:
            await endpoint.close()
            store.close()

    with serving(answer=lambda body: "No", logprobs=False, delay=0.05) as stub:
        replies = asyncio.run(main(stub.base_url))
        refused = sum("logprobs" in body for body in stub.bodies)

    assert [reply.text for reply in replies] == ["No"] * 8
    assert {reply.label_logprobs for reply in replies} == {None}
    assert refused == 8
    assert len(stub.bodies) == 16
