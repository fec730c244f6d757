"""An OpenAI-compatible server with a scripted model: fast, deterministic, and able to fail in every usual way.

In a test:          `async with StubServer(answer=lambda body: "Yes.") as stub: ... stub.base_url`
Without a loop:     `with serving(delay=0.05) as stub: ...`
In another process: `python -m tests.stub_server --port 0 --delay 0.05 --fault status,rate=0.1,status=429`
                    (prints `{"port": …}` and ends at the end of its stdin with `--until-eof`)
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import math
import random
import re
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Literal, Self, cast, get_args

from aiohttp import web

from tests.judging import LABELS, asked_pair, implies

Body = Mapping[str, Any]
Answer = Callable[[Body], str | Awaitable[str]]
Shares = Callable[[Body], Mapping[str, float]]
"""Probability of each likely first token of a reply."""

FaultKind = Literal[
    "status",  # an error body, with `status` and `retry_after`
    "hang",  # no answer for an hour
    "reset",  # the connection is reset (RST)
    "truncate",  # half the text, finish_reason length
    "html",  # a proxy's page with status 200
    "invalid_json",  # JSON that ends in the middle
    "invalid_utf8",  # JSON with a byte that is no UTF-8
    "empty_content",
    "null_content",
    "empty_choices",
    "content_filter",  # no text, finish_reason content_filter
    "odd_finish",  # the text, with a finish_reason no API knows, none at all, or no word
    "huge",  # a reply of 10 MB
    "drip",  # the reply, a byte every tenth of a second
    "echo",  # an error with `status` that quotes the key
]

CHARS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and when: for the first requests, at a rate, or (with neither) always."""

    kind: FaultKind
    first: int = 0
    """The first so many requests after start or reset."""
    rate: float = 0.0
    """Share of requests, drawn from the seed, the body and how often that body was seen: the order of
    arrival changes nothing, and a retry draws again."""
    status: int = 503
    retry_after: float | None = None
    """Seconds, sent as `Retry-After` with kind `status`."""
    dated: bool = False
    """`Retry-After` is sent as an HTTP date, which has whole seconds: at least `retry_after` ahead."""

    def strikes(self, *, number: int, drawn: float) -> bool:
        """Say whether request `number` (from 0) with the draw in [0, 1) is hit."""
        if not self.first and not self.rate:
            return True
        return number < self.first or drawn < self.rate

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `KIND[,first=N][,rate=R][,status=N][,retry_after=S][,dated=yes]`."""
        kind, *settings = text.split(",")
        if kind not in get_args(FaultKind):
            raise argparse.ArgumentTypeError(f"{kind!r} is none of {', '.join(get_args(FaultKind))}")
        given = dict(setting.split("=", 1) for setting in settings)
        casts: Mapping[str, Callable[[str], Any]] = {
            "first": int,
            "rate": float,
            "status": int,
            "retry_after": float,
            "dated": lambda said: said == "yes",
        }
        return cls(cast("FaultKind", kind), **{name: casts[name](value) for name, value in given.items()})


@dataclass
class Stats:
    """What was asked, since the start or the last reset."""

    requests: int = 0
    answered: int = 0
    """Requests that got a complete, faultless reply."""
    in_flight: int = 0
    max_in_flight: int = 0
    per_model: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    """Request bodies by sha256, and how often each came."""
    replied: Counter[str] = field(default_factory=Counter)
    """Request bodies by sha256, and how often each got a faultless reply."""
    tokens_in: int = 0
    """Of the prompts of all replies that were written, faulty ones too."""
    tokens_cached: int = 0
    """Part of `tokens_in` that was read from the prefix cache."""
    tokens_out: int = 0
    arrivals: list[float] = field(default_factory=list)
    """When each request came, by `time.monotonic`; with `keep_bodies`."""
    spent: list[tuple[float, int]] = field(default_factory=list)
    """When each request came whose reply was written, and the tokens of both."""
    told_to_wait: dict[str, float] = field(default_factory=dict)
    """Request bodies by sha256 that were given a `Retry-After`, and the time before which they must not come again."""
    impatient: int = 0
    """Requests that came sooner than they were told to."""

    @property
    def tokens(self) -> int:
        """In and out together."""
        return self.tokens_in + self.tokens_out

    @property
    def distinct(self) -> int:
        """Number of different request bodies."""
        return len(self.seen)

    def count(self, usage: Mapping[str, Any]) -> None:
        """Add what a reply that was written took."""
        self.tokens_in += usage["prompt_tokens"]
        self.tokens_cached += usage["prompt_tokens_details"]["cached_tokens"]
        self.tokens_out += usage["completion_tokens"]

    def plain(self) -> dict[str, Any]:
        """As `/stats` answers it."""
        return {
            "requests": self.requests,
            "distinct": self.distinct,
            "answered": self.answered,
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "per_model": dict(self.per_model),
            "faults": dict(self.faults),
        }


class StubServer:
    """The server on a free loopback port, running in the event loop that enters it."""

    def __init__(
        self,
        *,
        answer: Answer | None = None,
        shares: Shares | None = None,
        delay: float = 0.0,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        models: Sequence[str] = ("stub",),
        key: str | None = None,
        logprobs: bool = True,
        usage: bool = True,
        keep_bodies: bool = True,
        port: int = 0,
    ) -> None:
        """`delay` is seconds a reply; with `key`, other keys get 401; without `logprobs`, asking for them gets 400;
        without `usage`, replies do not say what they took.

        With `shares` the log-probabilities are those it gives, and without `answer` the likeliest token is the reply.
        """
        self.answer: Answer = answer or (persona_answer if shares is None else likeliest(shares))
        self.shares = shares
        self.delay = delay
        self.faults = tuple(faults)
        self.seed = seed
        self.models = tuple(models)
        self.key = key
        self.logprobs = logprobs
        self.usage = usage
        self.stats = Stats()
        self.bodies: list[dict[str, Any]] = []
        """Every request body, in the order of arrival."""
        self._keep_bodies = keep_bodies
        self._prefixes: set[bytes] = set()
        self.port = port
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        """What goes into `--base-url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/stats", self._stats)
        app.router.add_post("/reset", self._reset)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=4096).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def reset(self) -> None:
        """Forget all requests and the prefix cache."""
        self.stats = Stats(in_flight=self.stats.in_flight)
        self.bodies.clear()
        self._prefixes.clear()

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response(self.stats.plain())

    async def _reset(self, _: web.Request) -> web.Response:
        self.reset()
        return web.json_response({})

    async def _models(self, _: web.Request) -> web.Response:
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "stub"} for name in self.models]
        return web.json_response({"object": "list", "data": listed})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.stats.in_flight += 1
        self.stats.max_in_flight = max(self.stats.max_in_flight, self.stats.in_flight)
        try:
            return await self._reply(request, await request.read())
        finally:
            self.stats.in_flight -= 1

    async def _reply(self, request: web.Request, raw: bytes) -> web.StreamResponse:
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return _error(401, "Incorrect API key provided")
        try:
            body: dict[str, Any] = json.loads(raw)
        except ValueError:
            return _error(400, "the body is not JSON")
        digest = hashlib.sha256(raw).hexdigest()
        number = self.stats.requests
        self.stats.requests += 1
        self.stats.seen[digest] += 1
        self.stats.per_model[str(body.get("model"))] += 1
        now = time.monotonic()
        self.stats.impatient += now < self.stats.told_to_wait.get(digest, 0.0)
        drawn = random.Random(f"{self.seed} {digest} {self.stats.seen[digest]}").random()
        if self._keep_bodies:
            self.bodies.append(body)
            self.stats.arrivals.append(now)
        if self.delay:
            await asyncio.sleep(self.delay)
        if problem := self._refusal(body):
            return _error(400, problem)
        fault = self._struck(number, drawn)
        if fault is not None:
            self.stats.faults[fault.kind] += 1
            if fault.kind in {"status", "echo"}:
                return self._failure(request, digest, fault)
            if fault.kind == "hang":
                await asyncio.sleep(3600)
            if fault.kind == "reset":
                return _reset_connection(request)
            if fault.kind == "html":
                page = "<!DOCTYPE html><html><body><h1>Welcome to the proxy</h1></body></html>"
                return web.Response(text=page, content_type="text/html")
        said = self.answer(body)
        text = said if isinstance(said, str) else await said
        reply = self._completion(body, digest, text, fault.kind if fault else None)
        self.stats.answered += fault is None
        self.stats.replied[digest] += fault is None
        self.stats.count(reply["usage"])
        self.stats.spent += [(now, reply["usage"]["total_tokens"])] if self._keep_bodies else []
        if not self.usage:
            del reply["usage"]
        if fault is not None and fault.kind == "drip":
            return await _drip(request, _encoded(reply, fault))
        return web.Response(body=_encoded(reply, fault), content_type="application/json")

    def _failure(self, request: web.Request, digest: str, fault: Fault) -> web.Response:
        if fault.retry_after is not None:
            self.stats.told_to_wait[digest] = time.monotonic() + fault.retry_after
        quoted = f"cannot read Authorization: {request.headers.get('Authorization')}"
        message = "the stub was told to fail" if fault.kind == "status" else quoted
        return _error(fault.status, message, _retry_after(fault))

    def _struck(self, number: int, drawn: float) -> Fault | None:
        """The fault of a request. Faults at a rate share the draw, so each has its own part of the requests."""
        below = 0.0
        for fault in self.faults:
            if fault.strikes(number=number, drawn=drawn - below if fault.rate else drawn):
                return fault
            below += fault.rate
        return None

    def _refusal(self, body: Body) -> str | None:
        """What the hosted API refuses too."""
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            return "messages must be a list that is not empty"
        if body.get("stream"):
            return "stream is not supported"
        if body.get("logprobs") and not self.logprobs:
            return "logprobs are not supported"
        if body.get("top_logprobs") and not body.get("logprobs"):
            return "top_logprobs needs logprobs to be true"
        return None

    def _completion(self, body: Body, digest: str, text: str, fault: FaultKind | None) -> dict[str, Any]:
        content: str | None
        content, finish = _cut(text, body)
        match fault:
            case "truncate":
                content, finish = content[: max(1, len(content) // 2)], "length"
            case "content_filter":
                content, finish = "", "content_filter"
            case "empty_content":
                content = ""
            case "null_content":
                content = None
            case "odd_finish":
                finish = cast("str", [None, "done", "tool_calls", ""][int(digest[:4], 16) % 4])
            case "huge":
                content = "word " * 2_000_000
        prompt, cached = self._prompt_tokens(body["messages"])
        written = tokens(content or "")
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": content, "refusal": None},
            "logprobs": self._logprobs(body, content or "") if body.get("logprobs") and fault != "huge" else None,
            "finish_reason": finish,
        }
        return {
            "id": f"chatcmpl-{digest[:24]}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body.get("model") or self.models[0],
            "system_fingerprint": "fp_stub",
            "choices": [] if fault == "empty_choices" else [choice],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": written,
                "total_tokens": prompt + written,
                "prompt_tokens_details": {"cached_tokens": cached},
            },
        }

    def _logprobs(self, body: Body, text: str) -> dict[str, Any]:
        if self.shares is None:
            return logprobs(body, text)
        shares = sorted(self.shares(body).items(), key=lambda share: -share[1])
        top = [_logprob(token, max(share, 1e-12)) for token, share in shares[: body.get("top_logprobs") or 0]]
        return {"content": [{**top[0], "top_logprobs": top}], "refusal": None}

    def _prompt_tokens(self, messages: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
        """Tokens of the prompt, and how many of them lie in messages that began an earlier request, too."""
        total = cached = 0
        running = hashlib.sha256()
        for message in messages:
            content = _text(message)
            running.update(f"{message.get('role')}\0{content}\1".encode(errors="surrogatepass"))
            prefix = running.digest()[:16]
            total += tokens(content) + TOKENS_PER_MESSAGE
            if prefix in self._prefixes:
                cached = total
            else:
                self._prefixes.add(prefix)
        return total, min(cached, total - 1)


@contextlib.contextmanager
def serving(**settings: Any) -> Iterator[StubServer]:
    """Run a `StubServer` in a thread with an event loop of its own, for tests without one."""
    stub = StubServer(**settings)
    loop = asyncio.new_event_loop()
    ready, done = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with stub:
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    if not ready.wait(10):
        raise RuntimeError("the stub server did not start")
    try:
        yield stub
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()


# What the scripted model says


def persona_answer(body: Body) -> str:
    """Answer by the kind of request: one label, JSON by its schema, or an utterance with an opinion."""
    draw = random.Random(_seed(body))
    if labels := asked_labels(body):
        pair = asked_pair(_text(body["messages"][-1]))
        return LABELS[implies(*pair)] if pair is not None else draw.choice(labels)
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        schema = wanted["json_schema"]["schema"]
        return json.dumps(minimal_json(schema, draw=draw, sentences=_sentences(body)), ensure_ascii=False)
    if wanted.get("type") == "json_object":
        return "{}"
    return utterance(draw)


OPENINGS = (
    "Where I grew up,",
    "In my town,",
    "At home,",
    "Among my neighbours,",
    "When I was a student,",
    "In our family,",
    "At the market where I work,",
    "My grandmother used to say that",
    "To be honest,",
    "From what I have seen,",
)
DETAILS = (
    "we ate together every Friday after prayers",
    "three generations lived under one roof",
    "my uncle kept a small shop by the station",
    "the school was an hour away on foot",
    "everyone came to help with the harvest",
    "my aunt raised five children alone",
    "people left their doors open until late",
    "the old men played cards and argued about the news",
    "my sister was the first to go to university",
    "the factory closed when I was twelve",
)
OPINIONS = (
    "I believe that",
    "I do not believe that",
    "I strongly agree that",
    "I disagree that",
    "I am not sure that",
    "I have come to think that",
)
TOPICS = (
    "children should first of all make their parents proud",
    "most people can be trusted",
    "work comes before free time",
    "a mother with a job can love her children just as well",
    "religion matters more than science in daily life",
    "when jobs are scarce, people from here should come first",
    "the state should take care of everyone",
    "neighbours who speak another language are welcome",
    "being one's own master is worth more than being obedient",
    "people should look after their parents when they are old",
    "hard work brings a better life in the long run",
    "friends are more important than money",
)
REASONS = (
    "because I have seen what happens otherwise",
    "since nobody manages alone",
    "and my brother would tell you the same",
    "though my children see it differently",
    "because that is how trust is built",
    "and I learned that the hard way",
    "even if it costs something",
    "because respect has to start somewhere",
)


def utterance(draw: random.Random) -> str:
    """One turn of a talk: a detail from the speaker's life, then an opinion with a reason."""
    opening, detail = draw.choice(OPENINGS), draw.choice(DETAILS)
    return f"{opening} {detail}. {draw.choice(OPINIONS)} {draw.choice(TOPICS)}, {draw.choice(REASONS)}."


def minimal_json(schema: Any, *, draw: random.Random, sentences: Sequence[str]) -> Any:
    """Return a small valid value for a JSON schema; free strings are sentences of the prompt, so quotes hold."""
    return _Values(schema, draw, sentences or ("Nothing was said.",)).value(schema)


class _Values:
    def __init__(self, root: Any, draw: random.Random, sentences: Sequence[str]) -> None:
        self._root, self._draw, self._sentences = root, draw, sentences

    def value(self, schema: Any) -> Any:
        if schema is True or not schema:
            return None
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._draw.choice(schema["enum"])
        if "$ref" in schema:
            node = self._root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                node = node[part]
            return self.value(node)
        for branch in ("anyOf", "oneOf"):
            if branch in schema:
                return self.value(self._draw.choice(schema[branch]))
        if "allOf" in schema:
            return self.value(schema["allOf"][0])
        kind = schema.get("type", "object")
        kind = self._draw.choice(kind) if isinstance(kind, list) else kind
        return getattr(self, f"_{kind}")(schema)

    def _object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        fields = schema.get("properties", {})
        return {name: self.value(fields.get(name, {})) for name in schema.get("required", fields)}

    def _array(self, schema: Mapping[str, Any]) -> list[Any]:
        least = schema.get("minItems", 0)
        most = min(schema.get("maxItems", max(least, 2)), max(least, 2))
        count = self._draw.randint(max(least, min(1, most)), most)
        return [self.value(schema.get("items", {})) for _ in range(count)]

    def _string(self, schema: Mapping[str, Any]) -> str:
        text = self._draw.choice(self._sentences).ljust(schema.get("minLength", 0), ".")
        return text[: schema.get("maxLength", len(text))]

    def _integer(self, schema: Mapping[str, Any]) -> int:
        low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        high = schema.get("maximum", schema.get("exclusiveMaximum", max(low, 1) + 1) - 1)
        return self._draw.randint(int(low), int(high))

    def _number(self, schema: Mapping[str, Any]) -> float:
        low = schema.get("minimum", 0)
        return round(self._draw.uniform(low, schema.get("maximum", low + 1)), 3)

    def _boolean(self, _: Mapping[str, Any]) -> bool:
        return self._draw.random() < 0.5

    def _null(self, _: Mapping[str, Any]) -> None:
        return None


# Labels and log-probabilities

OTHER_TOKENS = (" the", "I", "\n", "It", "The", "Well", " I", "Perhaps", "This", "As")


def asked_labels(body: Body) -> tuple[str, ...]:
    """The closed labels of a request: from its grammar, an enum, or the words "Answer A, B or C."."""
    if grammar := body.get("grammar"):
        root = re.search(r"root\s*::=\s*(.*)", grammar)
        return tuple(json.loads(quoted) for quoted in re.findall(r'"(?:[^"\\]|\\.)*"', root[1] if root else ""))
    if not body.get("logprobs") or _max_tokens(body) > 8:
        return ()
    asked = re.findall(r"(?:Answer|Reply|Choose)(?: with| only| one of)*:? ([^.?!\n]+)", _text(body["messages"][-1]))
    words = [word.strip(" '\"") for word in re.split(r",| or ", asked[-1])] if asked else []
    return tuple(word for word in words if word) or ("Yes", "No", "Maybe")


def logprobs(body: Body, text: str) -> dict[str, Any]:
    """Fill `choices[0].logprobs` in the API's form; the first token carries the labels' probabilities."""
    labels = asked_labels(body)
    pieces = [text] if text in labels else re.findall(r"\s*\S+|\s+$", text)
    content = []
    for position, piece in enumerate(pieces):
        shares = label_shares(piece, labels) if position == 0 and labels else [(piece, 0.9)]
        left = 1 - sum(share for _, share in shares)
        shares += [(word, left / 2 ** (rank + 1)) for rank, word in enumerate(OTHER_TOKENS) if word != piece]
        own = next((share for word, share in shares if word == piece), 0.5)
        top = [_logprob(word, share) for word, share in shares[: body.get("top_logprobs") or 0]]
        content.append(_logprob(piece, own) | {"top_logprobs": top})
    return {"content": content, "refusal": None}


def likeliest(shares: Shares) -> Answer:
    """Answer with the likeliest first token."""

    def answer(body: Body) -> str:
        found = shares(body)
        return max(found, key=found.__getitem__)

    return answer


def label_shares(word: str, labels: Sequence[str]) -> list[tuple[str, float]]:
    """Most for the label that was answered; prose, which is no label, leaves none of them likely."""
    if word not in labels:
        return [(word, 0.9)]
    return [(word, 0.8), *((label, 0.15 / (len(labels) - 1)) for label in labels if label != word)]


def _logprob(token: str, share: float) -> dict[str, Any]:
    return {"token": token, "logprob": math.log(share), "bytes": list(token.encode(errors="replace"))}


# Small parts


def tokens(text: str) -> int:
    """About as many tokens as English text of this length has."""
    return -(-len(text) // CHARS_PER_TOKEN)


def _max_tokens(body: Body) -> int:
    return int(body.get("max_completion_tokens") or body.get("max_tokens") or 1_000_000)


def _cut(text: str, body: Body) -> tuple[str, str]:
    """Apply stop strings and the token limit; return the text and why it ends."""
    stops = body.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.split(stop, 1)[0]
    limit = _max_tokens(body)
    if tokens(text) <= limit or text in asked_labels(body):
        return text, "stop"
    return text[: limit * CHARS_PER_TOKEN], "length"


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def _sentences(body: Body) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"(?<=[.!?])\s+", _text(body["messages"][-1])) if part)


def _seed(body: Body) -> str:
    """All that may change the answer: the messages, the sampling seed and the temperature."""
    said = "\1".join(f"{message.get('role')}\0{_text(message)}" for message in body["messages"])
    return f"{body.get('seed')} {body.get('temperature')} {said}"


def _encoded(reply: Mapping[str, Any], fault: Fault | None) -> bytes:
    encoded = json.dumps(reply, ensure_ascii=False).encode("utf-8", errors="replace")
    match fault.kind if fault else None:
        case "invalid_json":
            return encoded[: len(encoded) // 2]
        case "invalid_utf8":
            return encoded.replace(b'"content": "', b'"content": "\xff', 1)
    return encoded


def _error(status: int, message: str, retry_after: str | None = None) -> web.Response:
    body = {"error": {"message": message, "type": "stub_error", "param": None, "code": None}}
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return web.json_response(body, status=status, headers=headers)


def _retry_after(fault: Fault) -> str | None:
    if fault.retry_after is None:
        return None
    return (
        formatdate(math.ceil(time.time() + fault.retry_after), usegmt=True) if fault.dated else f"{fault.retry_after:g}"
    )


async def _drip(request: web.Request, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
    await response.prepare(request)
    for place in range(len(body)):
        await response.write(body[place : place + 1])
        await asyncio.sleep(0.1)
    return response


def _reset_connection(request: web.Request) -> web.Response:
    assert request.transport is not None
    connection: socket.socket = request.transport.get_extra_info("socket")
    # Lingering for 0 s makes the kernel send RST in place of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted; print the port as one JSON line."""
    parser = argparse.ArgumentParser(description="OpenAI-compatible server with a scripted model")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds a reply")
    parser.add_argument("--seed", type=int, default=0, help="for faults at a rate")
    parser.add_argument("--model", action="append", help="name in /v1/models; repeatable")
    parser.add_argument("--key", help="the only key that is let in")
    parser.add_argument("--no-logprobs", action="store_true", help="refuse logprobs, as some servers do")
    parser.add_argument(
        "--fault",
        type=Fault.parse,
        action="append",
        default=[],
        metavar="KIND[,first=N][,rate=R][,status=N][,retry_after=S][,dated=yes]",
        help=f"one of {', '.join(get_args(FaultKind))}; repeatable",
    )
    parser.add_argument("--until-eof", action="store_true", help="end with stdin, so no test leaves it behind")
    given = parser.parse_args(arguments)
    stub = StubServer(
        delay=given.delay,
        faults=given.fault,
        seed=given.seed,
        models=given.model or ("stub",),
        key=given.key,
        logprobs=not given.no_logprobs,
        keep_bodies=False,
        port=given.port,
    )

    async def serve() -> None:
        async with stub:
            sys.stdout.write(json.dumps({"port": stub.port}) + "\n")
            sys.stdout.flush()
            if given.until_eof:
                await asyncio.to_thread(sys.stdin.read)
            else:
                await asyncio.Event().wait()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())


if __name__ == "__main__":
    main()
