"""An endpoint that lacks something other endpoints have, and what lies between it and us."""

import asyncio
import gzip
import json
import os
from pathlib import Path

import pytest

from culturepark.runtime.errors import ModelError, RetryableError
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.endpoint import LARGEST_REPLY, Endpoint
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


class Answers:
    """A server that keeps the heads of requests and gives every one the same answer."""

    def __init__(self, status: str, headers: str, body: bytes) -> None:
        self.heads: list[list[str]] = []
        self._answer = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request and close."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.heads.append(head)
        await reader.readexactly(int(next(line for line in head if line.lower().startswith("content-length"))[15:]))
        writer.write(self._answer)
        await writer.drain()
        writer.close()


ASKED = Request(messages=(Message(role="user", content="Yes?"),), purpose="test")
SAID = {"model": "m", "choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]}


def asked_of(answers: Answers, base_url: str | None = None, *, via: str | None = None) -> Reply:
    """Ask once: the server itself, or another address by way of it (`via` names the variable)."""

    async def main() -> Reply:
        server = await asyncio.start_server(answers, "127.0.0.1", 0)
        own = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        if via is not None:
            os.environ[via] = own
        endpoint = Endpoint(identity="openai:m", model="m", base_url=base_url or f"{own}/v1", dialect="compatible")
        try:
            return await endpoint.ask(ASKED)
        finally:
            await endpoint.close()
            server.close()

    return asyncio.run(main())


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
def test_a_proxy_of_the_environment_is_gone_through(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    for name in ("http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "word")
    proxy = Answers("200 OK", "Content-Type: application/json\r\n", json.dumps(SAID).encode())

    reply = asked_of(proxy, "http://models.example/v1", via=variable)

    (head,) = proxy.heads
    assert reply.text == "Yes."
    assert head[0] == "POST http://models.example/v1/chat/completions HTTP/1.1"
    assert [line for line in head if line.startswith("Authorization")] == ["Authorization: Bearer word"]


def test_a_redirection_is_not_followed() -> None:
    moved = Answers("307 Temporary Redirect", "Location: http://127.0.0.1:9/v1\r\n", b"")

    with pytest.raises(ModelError) as refused:
        asked_of(moved)

    assert len(moved.heads) == 1
    assert str(refused.value).endswith("/v1: HTTP 307 ''")


def test_what_a_compressed_reply_unfolds_to_is_what_is_measured() -> None:
    bomb = gzip.compress(b" " * (LARGEST_REPLY + 1))
    packed = Answers("200 OK", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", bomb)

    with pytest.raises(RetryableError) as refused:
        asked_of(packed)

    assert len(bomb) < LARGEST_REPLY / 100
    assert str(refused.value).endswith("/v1: the reply is larger than 8 MiB")
