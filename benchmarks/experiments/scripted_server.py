"""The scripted model behind a real HTTP server on loopback: everything between it and a run is the real thing."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Final

from aiohttp import web

from culturepark.benchmarks.experiments.scripted import reply

MODEL: Final = "scripted"
READY_WITHIN: Final = 10.0
CHARS_PER_TOKEN: Final = 4


@contextmanager
def serving_scripted() -> Iterator[str]:
    """Answer on a free port while the block runs; yields the base URL."""
    loop = asyncio.new_event_loop()
    ready, done = threading.Event(), asyncio.Event()
    port: list[int] = []

    async def serve() -> None:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", _chat)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
            port.append(runner.addresses[0][1])
            ready.set()
            await done.wait()
        finally:
            await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(READY_WITHIN), "the scripted model's server did not start"
    try:
        yield f"http://127.0.0.1:{port[0]}/v1"
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(READY_WITHIN)
        loop.close()


async def _chat(request: web.Request) -> web.Response:
    raw = await request.read()
    body: dict[str, Any] = json.loads(raw)
    if body.get("logprobs"):
        error = {"message": "logprobs are not supported", "type": "invalid_request_error"}
        return web.json_response({"error": error}, status=400)
    text = reply(body)
    tokens_in = sum(len(str(message["content"])) for message in body["messages"]) // CHARS_PER_TOKEN + 1
    tokens_out = len(text) // CHARS_PER_TOKEN + 1
    return web.json_response(
        {
            "id": f"chatcmpl-{sha256(raw).hexdigest()[:24]}",
            "object": "chat.completion",
            "created": 0,
            "model": MODEL,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"},
            ],
            "usage": {
                "prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out,
            },
        }
    )  # fmt: skip
