"""An endpoint that fails in every way: each talk ends complete or listed, waits are kept, outages are told of."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from culturepark.benchmarks.faults.endpoint import storm
from culturepark.benchmarks.faults.process import errors_of, finish, start
from culturepark.runtime.errors import EndpointDownError, ModelError
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.endpoint import LARGEST_REPLY, Endpoint
from culturepark.runtime.pacing import LimitSettings
from culturepark.runtime.request import Message, Request
from culturepark.runtime.store import open_store
from tests.stub_server import Fault, serving

pytestmark = pytest.mark.integration


@contextmanager
def raw_server(body: bytes) -> Iterator[str]:
    """A server that answers everything with these bytes and status 200; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def request(text: str = "Hello") -> Request:
    return Request(messages=(Message(role="user", content=text),), purpose="utterance")


def ask(folder: Path, url: str, *requests: Request, timeout: float = 5, **limits: Any) -> tuple[list[Any], list[str]]:
    """Complete requests together; returns replies and errors in order, and what was told meanwhile."""
    told: list[str] = []

    async def main() -> list[Any]:
        store = open_store(folder)
        endpoint = Endpoint(identity="openai:s", model="s", base_url=url, dialect="compatible", timeout=timeout)
        ledger = Ledger(store, endpoint, limits=LimitSettings(**limits), tell=told.append)
        try:
            return await asyncio.gather(*(ledger.complete(one) for one in requests), return_exceptions=True)
        finally:
            await endpoint.close()
            store.close()

    return asyncio.run(main()), [line.replace(url, "URL") for line in told]


@pytest.mark.slow
def test_every_talk_is_complete_or_listed_and_waits_are_kept(tmp_path: Path) -> None:
    found = storm(tmp_path, talks=8, attempts=2, seed=1)

    assert found.problems == ()
    assert found.complete + found.failed.total() == found.talks == found.completed_after == 8
    assert found.impatient == 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("huge"), f"the reply is larger than {LARGEST_REPLY // 2**20} MiB"),
        (Fault("drip"), "no reply in time"),
        (Fault("hang"), "no reply in time"),
        (Fault("reset"), "the connection broke"),
        (Fault("invalid_json"), "the reply is not JSON"),
        (Fault("invalid_utf8"), "the reply is not JSON"),
        (Fault("empty_choices"), "the reply's list of choices is empty"),
        (Fault("status", status=502), "HTTP 502 'the stub was told to fail'"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_a_fault_that_stays_is_named(fault: Fault, said: str, tmp_path: Path) -> None:
    with serving(faults=[fault]) as stub:
        (error,), _ = ask(tmp_path, stub.base_url, request(), attempts=1, timeout=2)

        assert stub.stats.requests == 1
    assert isinstance(error, ModelError)
    assert str(error) == f"{stub.base_url}: {said} (after 1 tries)"


@pytest.mark.parametrize("dated", [False, True], ids=["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_kept(status: int, dated: bool, tmp_path: Path) -> None:
    with serving(faults=[Fault("status", first=1, status=status, retry_after=0.6, dated=dated)]) as stub:
        (done,), _ = ask(tmp_path, stub.base_url, request())
        first, second = stub.stats.arrivals

    assert not isinstance(done, BaseException)
    assert 0.6 <= second - first < 2.5
    assert stub.stats.impatient == 0


def test_a_refusal_for_the_rate_holds_every_request_back(tmp_path: Path) -> None:
    with serving(faults=[Fault("status", first=6, status=429, retry_after=0.5)], delay=0.05) as stub:
        done, _ = ask(tmp_path, stub.base_url, *(request(str(number)) for number in range(6)), attempts=1)
        arrivals = stub.stats.arrivals

    # One try each is allowed, and refusals for the rate are no tries.
    assert not any(isinstance(one, BaseException) for one in done)
    assert len(arrivals) == 12
    assert arrivals[6] - arrivals[5] >= 0.5
    # Six were in flight together; now they are three at a time.
    assert arrivals[9] - arrivals[8] >= 0.03


def test_who_has_to_wait_for_long_is_told_to_come_back(tmp_path: Path) -> None:
    with serving(faults=[Fault("status", status=429, retry_after=3600)]) as stub:
        (error,), _ = ask(tmp_path, stub.base_url, request())

    assert isinstance(error, EndpointDownError)
    assert str(error) == (
        f"{stub.base_url}: HTTP 429 'the stub was told to fail' and wants to be asked again in 3600 s; what is done is "
        "saved: run the same command then"
    )


def test_the_circuit_opens_on_an_endpoint_that_is_down_and_the_run_ends(tmp_path: Path) -> None:
    with serving(faults=[Fault("status", status=503)]) as stub:
        began = time.monotonic()
        done, told = ask(
            tmp_path, stub.base_url, *(request(str(number)) for number in range(40)), patience=2, attempts=3
        )
        took = time.monotonic() - began
        requests = stub.stats.requests

    assert all(isinstance(one, EndpointDownError) for one in done)
    said = {str(one) for one in done}
    assert len(said) == 1
    assert said.pop().startswith(
        f"{stub.base_url}: HTTP 503 'the stub was told to fail'; the endpoint has given nothing but faults for "
    )
    assert told == [
        "URL: HTTP 503 'the stub was told to fail'; the endpoint seems to be down: it is tried now and then for 2 s"
    ]
    assert took < 8
    # 40 together, then one at a time.
    assert requests <= 44


def test_an_outage_that_ends_costs_no_request_its_tries(tmp_path: Path) -> None:
    with serving(faults=[Fault("status", first=30, status=500)]) as stub:
        done, told = ask(
            tmp_path, stub.base_url, *(request(str(number)) for number in range(29)), attempts=2, patience=60
        )

    assert not any(isinstance(one, BaseException) for one in done)
    assert told[-1] == "the endpoint answers again"
    assert len(told) == 2


def test_a_single_request_that_always_fails_opens_nothing(tmp_path: Path) -> None:
    def answer(body: Any) -> str:
        if "poison" in str(body["messages"]):
            raise RuntimeError
        return "Yes."

    with serving(answer=answer) as stub:
        texts = ["poison", *map(str, range(5))]
        done, told = ask(tmp_path, stub.base_url, *map(request, texts), attempts=3)

    assert isinstance(done[0], ModelError)
    assert not any(isinstance(one, BaseException) for one in done[1:])
    assert told == []


@pytest.mark.slow
def test_a_server_that_goes_away_pauses_the_run_and_ends_it_with_one_line(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    with serving(delay=0.05) as stub:
        study.write_text(
            f"name: away\nmodel: openai:stub\nbase_url: {stub.base_url}\nsimulate: {{talks: 40, concurrency: 10}}\n"
            "limits: {patience: 2}\n",
            encoding="utf-8",
        )
        run, output = tmp_path / "run", tmp_path / "out.json"
        child = start(["simulate", str(study), "--run", str(run), "--json"], output=output)
        while stub.stats.requests < 40:
            time.sleep(0.01)
        port = stub.port
    child.join()
    lines = [line for line in errors_of(output).read_text("utf-8").splitlines() if "talks:" not in line]
    assert child.exitcode == 2
    assert len(lines) == 2
    assert "the endpoint seems to be down: it is tried now and then for 2 s" in lines[0]
    assert lines[1].startswith(f"error: {stub.base_url}: no connection (Connect call failed")
    assert lines[1].endswith("what is done is saved: run the same command when it answers again")

    with serving(port=port) as again:
        found = json.loads(finish(["simulate", str(study), "--run", str(run), "--json"], output=output))
        assert len(stub.stats.seen.keys() & again.stats.seen.keys()) <= 10  # what was in flight when the server went
    assert (found["dialogues"], found["failed"]) == (40, [])


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices": [{"message": {"content": 7}}]}',
        b'{"choices": [{"message": {"content": "x"}, "finish_reason": ["stop"]}]}',
        b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": -1}}',
        b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 1e40}}',
        b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 99999999999999999999999}}',
        b'{"choices": ' + b"9" * 5000 + b"}",
        b'{"choices": {"message": "x"}}',
        b'{"choices": [null]}',
        b'{"choices": ' + b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"error": {"message": "no"}}',
        b"",
        b"null",
    ],
    ids=lambda body: body[:70].decode(),
)
def test_any_body_is_a_reply_or_a_reason(body: bytes, tmp_path: Path) -> None:
    with raw_server(body) as url:
        (error,), _ = ask(tmp_path, url, request(), attempts=1)

    assert isinstance(error, ModelError | EndpointDownError)
    assert "\n" not in str(error)


def test_what_no_database_holds_as_text_shows_as_missing(tmp_path: Path) -> None:
    body = b'{"choices": [{"message": {"content": "a\\u0000b\\ud800c"}, "finish_reason": "stop"}]}'
    with raw_server(body) as url:
        (done,), _ = ask(tmp_path, url, request())

    assert done.reply.text == "a\ufffdb\ufffdc"
