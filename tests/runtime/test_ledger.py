"""The ledger over a real HTTP server: nothing is paid twice, faults are retried or named, budgets hold."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from culturepark.runtime.budget import Amount, Budget, BudgetSettings
from culturepark.runtime.errors import BudgetSpentError, CultureParkError, EndpointDownError, ModelError
from culturepark.runtime.ledger import Ledger, spent_before
from culturepark.runtime.models.endpoint import Endpoint
from culturepark.runtime.pacing import LimitSettings
from culturepark.runtime.request import Message, Reply, Request, Sampling
from culturepark.runtime.store import open_store
from tests.stub_server import Fault, StubServer, serving

pytestmark = pytest.mark.integration


def request(text: str = "Hello", **changes: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), purpose="utterance", **changes)


def ask(
    folder: Path, url: str, *requests: Request, concurrency: bool = True, **settings: Any
) -> tuple[list[Any], Ledger]:
    """Complete requests through a ledger of its own; errors come back as values."""

    async def main() -> tuple[list[Any], Ledger]:
        store = open_store(folder)
        endpoint = Endpoint(identity="openai:stub", model="stub", base_url=url, dialect="compatible", timeout=2)
        ledger = Ledger(store, endpoint, **settings)
        try:
            if concurrency:
                done = await asyncio.gather(*(ledger.complete(one) for one in requests), return_exceptions=True)
            else:
                done = [await ledger.complete(one) for one in requests]
        finally:
            await endpoint.close()
            store.close()
        return list(done), ledger

    return asyncio.run(main())


def spent(folder: Path) -> Amount:
    """What a run in a folder has spent so far."""
    store = open_store(folder)
    try:
        return spent_before(store)
    finally:
        store.close()


def test_a_committed_reply_is_never_asked_for_again(stub: StubServer, tmp_path: Path) -> None:
    (first,), _ = ask(tmp_path, stub.base_url, request())
    (second,), _ = ask(tmp_path, stub.base_url, request())

    assert stub.stats.requests == 1
    assert (first.cached, second.cached) == (False, True)
    assert first.reply == second.reply


def test_identical_requests_in_flight_are_asked_once(tmp_path: Path) -> None:
    with serving(delay=0.05) as stub:
        done, ledger = ask(tmp_path, stub.base_url, *[request()] * 20)

        assert stub.stats.requests == 1
    assert len({one.reply.text for one in done}) == 1
    assert ledger.tally.sent == 1


@pytest.mark.parametrize(
    "changed",
    [{"draw": 1}, {"purpose": "verify"}, {"seed": 5}, {"sampling": Sampling(temperature=0)}, {"labels": ("Yes", "No")}],
    ids=str,
)
def test_anything_that_could_change_a_reply_is_another_request(
    changed: dict[str, Any], stub: StubServer, tmp_path: Path
) -> None:
    ask(tmp_path, stub.base_url, request(), request().model_copy(update=changed))

    assert stub.stats.requests == 2


def test_growing_contexts_are_stored_as_a_chain(stub: StubServer, tmp_path: Path) -> None:
    messages = tuple(Message(role="user", content=f"line {number}") for number in range(10))
    growing = [Request(messages=messages[:length], purpose="utterance") for length in range(1, 11)]
    ask(tmp_path, stub.base_url, *growing, concurrency=False)

    store = open_store(tmp_path)
    with store.engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT count(*) FROM messages").scalar()
    store.close()
    assert stored == 10


def test_of_a_prompt_that_goes_on_only_what_is_new_is_written(stub: StubServer, tmp_path: Path) -> None:
    def says(text: str) -> Message:
        return Message(role="user", content=text)

    written: list[list[str]] = []

    def note(_connection: object, _cursor: object, statement: str, rows: Any, *_: object) -> None:
        if "INTO messages" in statement:
            written.append([row[-1] for row in (rows if isinstance(rows, list) else [rows])])

    async def main() -> None:
        store = open_store(tmp_path)
        sa.event.listen(store.engine, "before_cursor_execute", note)
        endpoint = Endpoint(identity="openai:stub", model="stub", base_url=stub.base_url, dialect="compatible")
        ledger = Ledger(store, endpoint)
        heard = [says("you are Lily"), says("hello")]
        for length in (2, 2, 4, 8):
            heard += [says(f"said {number}") for number in range(len(heard), length)]
            for draw in (0, 1):
                prompt = (*heard, says(f"speak {length}, {draw}"))
                await ledger.complete(Request(messages=prompt, purpose="utterance", draw=draw))
        await endpoint.close()
        store.close()

    asyncio.run(main())

    first = [["you are Lily", "hello", "speak 2, 0"], ["speak 2, 1"]]
    assert written == [
        *first,
        ["said 2", "said 3", "speak 4, 0"],
        ["speak 4, 1"],
        ["said 4", "said 5", "said 6", "said 7", "speak 8, 0"],
        ["speak 8, 1"],
    ]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", first=2, status=500),
        Fault("status", first=2, status=429, retry_after=0.05),
        Fault("reset", first=2),
        Fault("invalid_json", first=1),
        Fault("invalid_utf8", first=1),
        Fault("empty_choices", first=2),
        Fault("hang", first=1),
    ],
    ids=lambda fault: fault.kind,
)
def test_faults_that_pass_are_retried(fault: Fault, tmp_path: Path) -> None:
    with serving(faults=[fault]) as stub:
        (done,), _ = ask(tmp_path, stub.base_url, request())

        assert isinstance(done.reply, Reply)
        assert stub.stats.requests == fault.first + 1


def test_a_fault_that_stays_fails_with_its_reason(tmp_path: Path) -> None:
    with serving(faults=[Fault("status", status=503)]) as stub:
        (error,), _ = ask(tmp_path, stub.base_url, request(), limits=LimitSettings(attempts=2))

        assert stub.stats.requests == 2
    assert isinstance(error, ModelError)
    assert "HTTP 503" in str(error)
    assert str(error).endswith("(after 2 tries)")


def test_a_page_instead_of_an_api_is_said_at_once(tmp_path: Path) -> None:
    with serving(faults=[Fault("html")]) as stub:
        (error,), _ = ask(tmp_path, stub.base_url, request())

        assert stub.stats.requests == 1
    assert isinstance(error, EndpointDownError)
    assert "not as an OpenAI-compatible server" in str(error)


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    (error,), _ = ask(tmp_path, f"http://127.0.0.1:{port}/v1", request(), limits=LimitSettings(attempts=1))

    assert isinstance(error, EndpointDownError)
    assert str(error).endswith("is the server running, and is --base-url right?")


def test_no_key_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(CultureParkError) as refused:
        Endpoint(identity="openai:x", model="x", base_url=None, dialect="openai")

    assert str(refused.value) == (
        "OPENAI_API_KEY is not set; set it to your key (or to any word, for a server that asks for none)"
    )


def test_keys_never_reach_the_store(stub: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-7281")

    ask(tmp_path, stub.base_url, request())

    assert not any(b"sk-canary-7281" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_request_budget_is_exact(stub: StubServer, tmp_path: Path) -> None:
    budget = Budget(BudgetSettings(requests=7))
    done, _ = ask(tmp_path, stub.base_url, *(request(str(number)) for number in range(20)), budget=budget)

    assert stub.stats.requests == 7
    refused = [one for one in done if isinstance(one, BudgetSpentError)]
    assert len(refused) == 13
    assert str(refused[0]) == (
        "the budget of 7 requests is spent; what is done is saved; raise it and run the same command"
    )


def test_token_budget_is_never_exceeded_and_settles_to_what_was_used(stub: StubServer, tmp_path: Path) -> None:
    settings = BudgetSettings(tokens=1000)
    requests = [request(str(number), sampling=Sampling(max_tokens=50)) for number in range(40)]
    ask(tmp_path, stub.base_url, *requests, budget=Budget(settings))

    assert 800 < spent(tmp_path).tokens <= 1000
    assert spent(tmp_path).requests == stub.stats.requests


def test_where_the_endpoint_does_not_say_what_a_reply_took_the_worst_case_is_charged(tmp_path: Path) -> None:
    requests = [request(str(number), sampling=Sampling(max_tokens=50)) for number in range(40)]
    with serving(usage=False) as stub:
        for limit in (1000, 2000):
            done, _ = ask(
                tmp_path, stub.base_url, *requests, budget=Budget(BudgetSettings(tokens=limit), spent=spent(tmp_path))
            )

            assert any(isinstance(one, BudgetSpentError) for one in done)
            assert stub.stats.tokens < limit - 80 < spent(tmp_path).tokens <= limit
            assert spent(tmp_path).requests == stub.stats.requests


def test_a_request_that_two_workers_sent_at_once_is_spent_twice(tmp_path: Path) -> None:
    async def main(url: str) -> set[str]:
        store = open_store(tmp_path)
        endpoint = Endpoint(identity="openai:stub", model="stub", base_url=url, dialect="compatible")
        workers = [Ledger(store, endpoint) for _ in range(2)]
        done = await asyncio.gather(*(worker.complete(request()) for worker in workers))
        await endpoint.close()
        store.close()
        return {one.reply.text for one in done}

    with serving(delay=0.05) as stub:
        assert len(asyncio.run(main(stub.base_url))) == 1

    assert (spent(tmp_path).requests, spent(tmp_path).tokens) == (2, stub.stats.tokens)
    assert stub.stats.requests == 2


def test_a_budget_holds_over_several_sittings() -> None:
    async def main() -> None:
        budget = Budget(BudgetSettings(requests=3), spent=Amount(3, 0, 0.0))
        with pytest.raises(BudgetSpentError):
            await budget.reserve(Amount(1, 0, 0.0))

    asyncio.run(main())


def test_money_needs_a_price(stub: StubServer, tmp_path: Path) -> None:
    with pytest.raises(CultureParkError, match="no price is known for 'openai:stub'"):
        ask(tmp_path, stub.base_url, request(), budget=Budget(BudgetSettings(money=1)))


def test_rate_limit_spaces_requests(tmp_path: Path) -> None:
    with serving() as stub:
        limits = LimitSettings(requests_per_minute=1200)

        async def timed() -> float:
            loop = asyncio.get_running_loop()
            store = open_store(tmp_path)
            endpoint = Endpoint(identity="openai:s", model="s", base_url=stub.base_url, dialect="compatible")
            ledger = Ledger(store, endpoint, limits=limits)
            began = loop.time()
            await asyncio.gather(*(ledger.complete(request(str(number))) for number in range(11)))
            took = loop.time() - began
            await endpoint.close()
            store.close()
            return took

        assert asyncio.run(timed()) >= 10 * 60 / 1200


def test_offline_hands_out_committed_replies_only(stub: StubServer, tmp_path: Path) -> None:
    ask(tmp_path, stub.base_url, request())

    async def offline() -> None:
        store = open_store(tmp_path)
        ledger = Ledger(store, None, identity="openai:stub")
        assert (await ledger.complete(request())).cached
        with pytest.raises(ModelError, match="for a 'utterance' request, and the model is off"):
            await ledger.complete(request("another"))
        store.close()

    asyncio.run(offline())


def test_labels_bring_log_probabilities(stub: StubServer, tmp_path: Path) -> None:
    (done,), _ = ask(tmp_path, stub.base_url, request(labels=("Yes", "No", "Maybe"), sampling=Sampling(max_tokens=1)))

    assert set(done.reply.label_logprobs) == {"Yes", "No", "Maybe"}
    assert all(value <= 0 for value in done.reply.label_logprobs.values())
