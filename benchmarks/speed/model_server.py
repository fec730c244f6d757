"""A model server that is not the bottleneck: `python -m benchmarks.speed.model_server [--delay 0.05] [--workers 2]`.

Several processes share one port; each answers chat completions after a delay with English words drawn from the
request's hash, and with usage as a real server counts it. Prints `{"port": …}`; ends at the end of its stdin. The
tests' server can fail in every way and is ten times slower: this one can only answer.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import multiprocessing
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from multiprocessing.sharedctypes import Synchronized
from random import Random

from tests.stub_server import CHARS_PER_TOKEN, utterance

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
MODELS = b'{"object": "list", "data": [{"id": "stub", "object": "model", "created": 0, "owned_by": "stub"}]}'


class Answering(asyncio.Protocol):
    """One keep-alive connection; requests come one after the other, as clients of chat completions send them."""

    def __init__(self, delay: float, count: "Synchronized[int]") -> None:
        self._delay = delay
        self._count = count
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to write."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or b"0")
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            if head.startswith(b"post"):
                asyncio.get_running_loop().call_later(self._delay, self._write, completion(body))
                with self._count.get_lock():
                    self._count.value += 1
            else:
                self._write(json.dumps({"answered": self._count.value}).encode() if b"/stats" in head else MODELS)

    def _write(self, reply: bytes) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(HEAD % len(reply) + reply)


def completion(body: bytes) -> bytes:
    """A chat completion for a request's bytes."""
    digest = hashlib.sha256(body).hexdigest()
    draw = Random(digest)
    # Its words in another order: sentences that come again would be near copies, which ours asks for again.
    words = utterance(draw).rstrip(".").lower().split()
    draw.shuffle(words)
    text = f"{' '.join(words).capitalize()}, at number {draw.randint(1, 9999)}."
    read, written = len(body) // CHARS_PER_TOKEN, len(text) // CHARS_PER_TOKEN
    reply = {
        "id": f"chatcmpl-{digest[:24]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": "stub",
        "system_fingerprint": "fp_stub",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": read * 3 // 4},
        },
    }
    return json.dumps(reply).encode()


def work(listening: socket.socket, delay: float, count: "Synchronized[int]") -> None:
    """Serve for ever, in a process of its own."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Answering(delay, count), sock=listening)
        await server.serve_forever()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(serve())


@contextlib.contextmanager
def answering(delay: float, *, workers: int = 2) -> Iterator[str]:
    """Start it, give its base URL, and stop it."""
    command = [sys.executable, "-m", "benchmarks.speed.model_server", "--delay", str(delay), "--workers", str(workers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        port = json.loads(server.stdout.readline())["port"]
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.stdin.close()


def answered(url: str) -> int:
    """Completions sent so far."""
    with urllib.request.urlopen(f"{url}/stats") as reply:
        return int(json.load(reply)["answered"])


def main() -> None:
    """Listen, say where, and serve until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds a reply")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    fork = multiprocessing.get_context("fork")
    count = fork.Value("q", 0)
    serving = (listening, given.delay, count)
    workers = [fork.Process(target=work, args=serving, daemon=True) for _ in range(given.workers)]
    for worker in workers:
        worker.start()
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    sys.stdin.read()
    for worker in workers:
        worker.terminate()


if __name__ == "__main__":
    main()
