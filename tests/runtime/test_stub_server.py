"""The scripted server is trusted by many tests, so its own promises are tested with plain HTTP."""

import asyncio
import json
import subprocess
import sys
from typing import Any

import aiohttp
import jsonschema
import pytest

from tests import stub_server
from tests.conftest import ROOT
from tests.stub_server import Fault, FaultKind, StubServer, serving

pytestmark = pytest.mark.integration

SCHEMA = {
    "type": "object",
    "required": ["opinions"],
    "properties": {"opinions": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Opinion"}}},
    "$defs": {
        "Opinion": {
            "type": "object",
            "required": ["quote", "about", "sentence"],
            "properties": {
                "quote": {"type": "string"},
                "about": {"enum": ["own", "other", "general"]},
                "sentence": {"type": "integer", "minimum": 1, "maximum": 2},
            },
        }
    },
}


def body(text: str = "Hello.", **more: Any) -> dict[str, Any]:
    return {"model": "stub", "messages": [{"role": "user", "content": text}]} | more


async def post(stub: StubServer, sent: Any, **kwargs: Any) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{stub.base_url}/chat/completions", json=sent, **kwargs) as answer,
    ):
        return answer.status, await answer.json()


def asked(stub: StubServer, *sent: Any) -> list[tuple[int, Any]]:
    """Ask one after another, from a test without a loop."""

    async def ask() -> list[tuple[int, Any]]:
        return [await post(stub, one) for one in sent]

    return asyncio.run(ask())


def text_of(reply: Any) -> str:
    return str(reply["choices"][0]["message"]["content"])


def test_the_same_messages_get_the_same_utterance_and_others_another() -> None:
    with serving() as stub:
        replies = asked(stub, body("One."), body("One."), body("Two."))

    first, again, other = (text_of(reply) for _, reply in replies)
    assert first == again != other
    assert any(opinion in first for opinion in stub_server.OPINIONS)


def test_counts_requests_distinct_bodies_and_models() -> None:
    with serving() as stub:
        asked(stub, body("One."), body("One."), body("Two.", model="other"))
        shown = stub.stats.plain()

    assert shown == {
        "requests": 3,
        "distinct": 2,
        "answered": 3,
        "in_flight": 0,
        "max_in_flight": 1,
        "per_model": {"stub": 2, "other": 1},
        "faults": {},
    }
    assert [sent["model"] for sent in stub.bodies] == ["stub", "stub", "other"]


def test_an_own_answer_sees_the_body_and_may_wait() -> None:
    async def ask() -> tuple[str, int]:
        both_here = asyncio.Event()

        async def answer(sent: Any) -> str:
            if sent["messages"][-1]["content"] == "second":
                both_here.set()
            await both_here.wait()
            return f"heard {sent['messages'][-1]['content']}"

        async with StubServer(answer=answer) as stub:
            replies = await asyncio.gather(post(stub, body("first")), post(stub, body("second")))
            return text_of(replies[0][1]), stub.stats.max_in_flight

    assert asyncio.run(ask()) == ("heard first", 2)


def test_a_schema_is_answered_with_valid_json_quoting_the_prompt() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "opinions", "schema": SCHEMA}}
    with serving() as stub:
        ((_, reply),) = asked(stub, body("I like tea. Work comes first.", response_format=wanted))

    found = json.loads(text_of(reply))
    jsonschema.validate(found, SCHEMA)
    assert {opinion["quote"] for opinion in found["opinions"]} <= {"I like tea.", "Work comes first."}


@pytest.mark.parametrize(
    "asking",
    [
        pytest.param({"grammar": 'root ::= "Yes" | "No" | "Maybe"', "max_tokens": 3}, id="grammar"),
        pytest.param({"max_tokens": 1}, id="words-in-the-prompt"),
    ],
)
def test_labels_come_with_logprobs_that_leave_room_for_other_words(asking: dict[str, Any]) -> None:
    sent = body("Does it follow? Answer Yes, No or Maybe.", logprobs=True, top_logprobs=5, **asking)
    with serving() as stub:
        ((_, reply),) = asked(stub, sent)

    (token,) = reply["choices"][0]["logprobs"]["content"]
    top = [entry["token"] for entry in token["top_logprobs"]]
    assert text_of(reply) == token["token"] == top[0]
    assert set(top[:3]) == {"Yes", "No", "Maybe"}
    assert len(top) == 5
    assert reply["choices"][0]["finish_reason"] == "stop"


def test_usage_counts_the_prefix_that_came_before() -> None:
    system = {"role": "system", "content": "x" * 400}
    turn = {"role": "user", "content": "y" * 40}
    first = {"model": "stub", "messages": [system, turn]}
    second = {"model": "stub", "messages": [system, turn, turn]}
    with serving() as stub:
        (_, one), (_, two) = asked(stub, first, second)

    assert one["usage"]["prompt_tokens"] == 104 + 14
    assert one["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert two["usage"]["prompt_tokens_details"]["cached_tokens"] == 104 + 14


def test_stop_strings_and_the_token_limit_end_a_reply() -> None:
    with serving(answer=lambda _: "Well said.\nLily: Thanks.") as stub:
        (_, stopped), (_, cut) = asked(stub, body(stop=["\nLily:"]), body(max_tokens=1))

    assert (text_of(stopped), stopped["choices"][0]["finish_reason"]) == ("Well said.", "stop")
    assert (text_of(cut), cut["choices"][0]["finish_reason"]) == ("Well", "length")


def test_fails_the_first_requests_with_a_status_and_retry_after() -> None:
    async def ask(stub: StubServer) -> list[tuple[int, str | None]]:
        async with aiohttp.ClientSession() as session:
            seen = []
            for _ in range(3):
                async with session.post(f"{stub.base_url}/chat/completions", json=body()) as answer:
                    seen.append((answer.status, answer.headers.get("Retry-After")))
            return seen

    with serving(faults=[Fault("status", first=2, status=429, retry_after=0.5)]) as stub:
        assert asyncio.run(ask(stub)) == [(429, "0.5"), (429, "0.5"), (200, None)]
        assert stub.stats.answered == 1


def test_faults_at_a_rate_are_the_same_in_any_order() -> None:
    bodies = [body(f"Question {number}.") for number in range(200)]
    failed = []
    for order in (bodies, bodies[::-1]):
        with serving(faults=[Fault("status", rate=0.2)], seed=7) as stub:
            statuses = [status for status, _ in asked(stub, *order)]
            failed.append(
                {sent["messages"][0]["content"] for sent, status in zip(order, statuses, strict=True) if status != 200}
            )

    assert failed[0] == failed[1]
    assert 20 <= len(failed[0]) <= 60


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("empty_choices", []),
        ("empty_content", [("", "stop")]),
        ("null_content", [(None, "stop")]),
        ("content_filter", [("", "content_filter")]),
        ("truncate", [("Ye", "length")]),
    ],
)
def test_broken_choices(kind: FaultKind, expected: list[tuple[str | None, str]]) -> None:
    with serving(answer=lambda _: "Yes.", faults=[Fault(kind)]) as stub:
        ((_, reply),) = asked(stub, body())

    got = [(choice["message"]["content"], choice["finish_reason"]) for choice in reply["choices"]]
    assert got == expected


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("html", "text/html"),
        ("invalid_json", "JSONDecodeError"),
        ("invalid_utf8", "UnicodeDecodeError"),
        ("reset", "ClientOSError"),
        ("hang", "TimeoutError"),
    ],
)
def test_broken_transport(kind: FaultKind, error: str) -> None:
    async def ask(stub: StubServer) -> str:
        try:
            await post(stub, body(), timeout=aiohttp.ClientTimeout(total=0.5))
        except (aiohttp.ClientError, ValueError, TimeoutError) as raised:
            return f"{type(raised).__name__} {raised}"
        return "no error"

    with serving(faults=[Fault(kind)]) as stub:
        assert error in asyncio.run(ask(stub))


@pytest.mark.parametrize(
    ("settings", "sent", "expected"),
    [
        pytest.param({"key": "right"}, body(), (401, "Incorrect API key provided"), id="wrong-key"),
        pytest.param({"logprobs": False}, body(logprobs=True), (400, "logprobs are not supported"), id="logprobs"),
        pytest.param({}, {"model": "stub"}, (400, "messages must be a list that is not empty"), id="no-messages"),
    ],
)
def test_refuses_as_the_hosted_api_does(
    settings: dict[str, Any], sent: dict[str, Any], expected: tuple[int, str]
) -> None:
    with serving(**settings) as stub:
        ((status, reply),) = asked(stub, sent)

    assert (status, reply["error"]["message"]) == expected


def test_runs_as_a_process_and_ends_with_its_parent() -> None:
    async def ask(port: int) -> tuple[int, dict[str, Any]]:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            async with session.post("/v1/chat/completions", json=body()) as answer:
                status = answer.status
            async with session.get("/stats") as answer:
                return status, await answer.json()

    command = [sys.executable, "-m", "tests.stub_server", "--until-eof", "--fault", "status,first=1,status=500"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        status, stats = asyncio.run(ask(json.loads(process.stdout.readline())["port"]))
        process.stdin.close()
        process.wait(10)

    assert (status, stats["requests"], stats["faults"]) == (500, 1, {"status": 1})
    assert process.returncode == 0
