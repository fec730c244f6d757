"""The built-in server: what its chat bodies may hold, how it fails, and what it shows to others."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.builtin import Served, serve
from culturepark.runtime.models.weights import fetch

CAT = [{"role": "user", "content": "Tell me a story about a cat."}]
SKY = [{"role": "user", "content": "Is the sky blue? Answer Yes, No or Maybe."}]


def chat(server: Served, messages: list[dict[str, str]] = CAT, **more: Any) -> dict[str, Any]:
    """Ask once, greedily unless told otherwise."""

    async def ask() -> dict[str, Any]:
        body = {"model": "any", "messages": messages, "max_tokens": 16, "temperature": 0} | more
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{server.base_url}/chat/completions", json=body) as answer,
        ):
            reply: dict[str, Any] = await answer.json()
            return reply

    return asyncio.run(ask())


def text_of(reply: dict[str, Any]) -> str:
    return str(reply["choices"][0]["message"]["content"])


def gone(pid: int, *, within: float) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
def test_a_grammar_forces_a_label_and_logprobs_stay_those_of_the_free_model(smollm2: Served) -> None:
    asking: dict[str, Any] = {"max_tokens": 1, "logprobs": True, "top_logprobs": 20, "cache_prompt": False}
    forced = chat(smollm2, SKY, grammar='root ::= "Yes" | "No" | "Maybe"', **asking)
    free = chat(smollm2, SKY, **asking)

    assert text_of(forced) in {"Yes", "No", "Maybe"}
    top = [reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"] for reply in (forced, free)]
    assert len(top[0]) == 20
    assert [entry["token"] for entry in top[0][:5]] == [entry["token"] for entry in top[1][:5]]
    assert [entry["logprob"] for entry in top[0][:5]] == pytest.approx(
        [entry["logprob"] for entry in top[1][:5]], abs=0.05
    )


@pytest.mark.slow
def test_a_schema_is_kept(smollm2: Served) -> None:
    schema = {
        "type": "object",
        "properties": {"animal": {"enum": ["cat", "dog"]}, "legs": {"type": "integer"}},
        "required": ["animal", "legs"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "animal", "schema": schema, "strict": True}}

    found = json.loads(text_of(chat(smollm2, response_format=wanted, max_tokens=60)))

    assert found["animal"] in {"cat", "dog"}
    assert isinstance(found["legs"], int)


@pytest.mark.slow
def test_seed_penalty_and_stop_are_obeyed(smollm2: Served) -> None:
    drawn = [text_of(chat(smollm2, temperature=1, seed=seed, max_tokens=30)) for seed in (5, 5, 6)]
    assert drawn[0] == drawn[1] != drawn[2]

    plain = text_of(chat(smollm2, max_tokens=60))
    assert text_of(chat(smollm2, max_tokens=60, repeat_penalty=1.5)) != plain

    word = plain.split()[3]
    stopped = chat(smollm2, max_tokens=60, stop=[word])
    assert stopped["choices"][0]["finish_reason"] == "stop"
    assert word not in text_of(stopped)


@pytest.mark.slow
def test_a_reply_begun_by_us_is_continued(smollm2: Served) -> None:
    begun = {"role": "assistant", "content": "My dog Rex says"}

    assert text_of(chat(smollm2, [*CAT, begun])).startswith("My dog Rex says")


@pytest.mark.slow
def test_a_longer_talk_reads_its_beginning_from_the_cache(smollm2: Served) -> None:
    talk = [{"role": "system", "content": "You are Lily, who grew up by the sea. " * 20}, *CAT]
    first = chat(smollm2, talk)
    longer = [*talk, first["choices"][0]["message"], {"role": "user", "content": "And then?"}]

    usage = chat(smollm2, longer)["usage"]

    assert usage["prompt_tokens_details"]["cached_tokens"] >= first["usage"]["prompt_tokens"]


@pytest.mark.slow
def test_a_talk_too_long_for_its_slot_is_refused_with_both_lengths(smollm2: Served) -> None:
    error = chat(smollm2, [{"role": "user", "content": "cat " * 3000}])["error"]

    assert error["code"] == 400
    assert "(3031 tokens) exceeds the available context size (1024 tokens)" in error["message"]


@pytest.mark.slow
def test_no_reply_tells_where_the_weights_lie_and_no_page_shows_the_talks(smollm2: Served) -> None:
    async def look(path: str) -> tuple[int, str | None]:
        headers = {"Origin": "http://elsewhere.example"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(smollm2.base_url.removesuffix("/v1") + path, headers=headers) as answer,
        ):
            return answer.status, answer.headers.get("Access-Control-Allow-Origin")

    assert chat(smollm2)["model"] == "smollm2-135m"
    assert asyncio.run(look("/")) == (404, "http://127.0.0.1")
    assert asyncio.run(look("/slots")) == (501, "http://127.0.0.1")


@pytest.mark.slow
def test_memory_is_the_servers(smollm2: Served) -> None:
    assert 100e6 < smollm2.memory() < 2e9


@pytest.mark.slow
def test_the_server_ends_with_its_block() -> None:
    async def use() -> int:
        async with serve(fetch("smollm2-135m"), slots=1, context=256) as server:
            return server.pid

    assert gone(asyncio.run(use()), within=0.5)


def test_weights_that_cannot_be_loaded_are_named_with_the_librarys_reason(tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(b"these are no weights")

    async def use() -> None:
        async with serve(path, slots=1, context=256):
            raise AssertionError("it started")

    with pytest.raises(CultureParkError) as caught:
        asyncio.run(use())

    assert str(caught.value) == (
        "own.gguf: the model server did not start (gguf_init_from_reader: invalid magic characters: 'thes', "
        "expected 'GGUF'); `culturepark doctor` shows what is missing"
    )
