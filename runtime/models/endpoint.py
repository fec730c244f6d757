"""One model behind an OpenAI-compatible server: requests become HTTP bodies, HTTP answers become replies.

The `openai` package does the HTTP (keys, connections, its error classes). Its retries are off: the ledger
counts and spaces every try. Bodies go in as plain JSON and come out as plain JSON, because the package's
typed messages cost more than the rest of the call.
"""

import asyncio
import json
import math
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import aiohttp
import openai
from httpx2 import AsyncByteStream
from openai import AsyncOpenAI, DefaultAioHttpClient

from culturepark.runtime.errors import CultureParkError, EndpointDownError, ModelError, RetryableError
from culturepark.runtime.pacing import REPLY_TIMEOUT
from culturepark.runtime.request import Message, Reply, Request

Dialect = Literal["openai", "compatible", "llama.cpp"]
"""How the body is spelled: the hosted API; a server that speaks it; llama.cpp with its own extra fields."""

KEY_VARIABLE = "OPENAI_API_KEY"
TOP_LABELS = 20
NO_TEXT = re.compile("[\0\ud800-\udfff]")
LARGEST_REPLY = 8 * 2**20
"""Bytes of a reply with everything around it; no reply of a few hundred tokens comes near."""


class Endpoint:
    """A model that can be asked. `identity` names it in keys and ids; the URL is never part of either."""

    def __init__(
        self,
        *,
        identity: str,
        model: str,
        base_url: str | None,
        dialect: Dialect,
        timeout: float = REPLY_TIMEOUT,
        concurrency: int = 1024,
    ) -> None:
        """`timeout` is in seconds, for a whole reply."""
        self.identity = identity
        self.model = model
        self.dialect = dialect
        self._where = base_url or "https://api.openai.com/v1"
        self._timeout = timeout
        self._gives_logprobs = True
        self._client = AsyncOpenAI(
            api_key=api_key(base_url),
            base_url=base_url,
            max_retries=0,
            timeout=timeout,
            http_client=DefaultAioHttpClient(
                timeout=timeout,
                limits=openai.DEFAULT_CONNECTION_LIMITS,
                follow_redirects=False,
                event_hooks={"response": [self._bound]},
            ),
        )
        self.concurrency = concurrency

    async def ask(self, request: Request) -> Reply:
        """Send one request once.

        Raises:
            RetryableError: For a fault that may pass.
            EndpointDownError: When nothing this run sends can succeed (key, address, model name).
            ModelError: When the server refused this very request or answered no reply at all.
        """
        sent = self.body(request)
        try:
            # The client's own timeout is one of each read, so a server that drips a byte now and then never meets it.
            async with asyncio.timeout(self._timeout):
                body = await self._client.post("/chat/completions", body=sent, cast_to=object)
        except openai.APIStatusError as error:
            raise self._status_error(error, sent) from None
        except openai.APIConnectionError as error:
            refused = _cause(error, aiohttp.ClientConnectorError)
            if refused is not None:
                raise RetryableError(
                    f"{self._where}: no connection ({refused.os_error.strerror})", reached=False
                ) from None
            broken = _cause(error, aiohttp.ClientOSError) or _cause(error, aiohttp.ServerDisconnectedError)
            late = isinstance(error, openai.APITimeoutError) and broken is None
            raise self._lost("no reply in time" if late else "the connection broke") from None
        except TimeoutError:
            raise self._lost("no reply in time") from None
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError, openai.APIResponseValidationError):
            raise self._lost("the reply is not JSON") from None
        return self._reply(body, request)

    async def _bound(self, response: Any) -> None:
        """Keep a reply that never ends out of memory. Called by the client before it reads the body."""
        response.stream = _Bounded(response.stream, self._too_large)

    def _too_large(self) -> RetryableError:
        return self._lost(f"the reply is larger than {LARGEST_REPLY // 2**20} MiB")

    def _lost(self, what: str) -> RetryableError:
        """A reply that may have been written and did not arrive whole."""
        return RetryableError(f"{self._where}: {what}", billed=True)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def body(self, request: Request) -> dict[str, Any]:
        """The JSON that is sent for a request."""
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": self.model,
            "messages": _joined(request.messages),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_completion_tokens" if self.dialect == "openai" else "max_tokens": sampling.max_tokens,
            "seed": request.seed & 0x7FFFFFFF,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if request.json_schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": request.purpose, "schema": request.json_schema, "strict": True},
            }
        if request.labels and self._gives_logprobs:
            body |= {"logprobs": True, "top_logprobs": TOP_LABELS}
        if self.dialect == "llama.cpp":
            body["cache_prompt"] = True
            if request.labels:
                # Log-probabilities are taken before the grammar acts, so they stay those of the free model.
                body["grammar"] = "root ::= " + " | ".join(json.dumps(label) for label in request.labels)
            if sampling.repeat_penalty is not None:
                body["repeat_penalty"] = sampling.repeat_penalty
            if sampling.dry_multiplier is not None:
                body |= {"dry_multiplier": sampling.dry_multiplier, "dry_allowed_length": 4, "dry_penalty_last_n": 2048}
        return body

    def _reply(self, body: object, request: Request) -> Reply:
        """Read the answer; one that does not have the API's shape is a fault of the endpoint."""
        if not isinstance(body, dict):
            raise EndpointDownError(
                f"{self._where}: answers, but not as an OpenAI-compatible server (got {_beginning(body)}); "
                "check --base-url, which usually ends in /v1"
            )
        if "choices" not in body:
            raise self._lost(f"the reply has no choices: {_beginning(body)}")
        choices = body["choices"]
        if not choices:
            raise self._lost("the reply's list of choices is empty")
        try:
            choice, usage = choices[0], body.get("usage") or {}
            details = usage.get("prompt_tokens_details") or {}
            return Reply(
                text=_text(choice),
                finish_reason=_finish_reason(choice),
                tokens_in=usage.get("prompt_tokens", 0),
                tokens_out=usage.get("completion_tokens", 0),
                tokens_cached=details.get("cached_tokens") or 0,
                model=body.get("model") or self.model,
                label_logprobs=_label_logprobs(choice, request.labels),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._lost(f"the reply is malformed ({type(error).__name__})") from None

    def _status_error(self, error: openai.APIStatusError, sent: Mapping[str, Any]) -> Exception:
        status, said = error.status_code, _message(error)
        if status in {408, 409, 429} or status >= 500:
            if status == 429 and "insufficient_quota" in str(error.code):
                return EndpointDownError(f"{self._where}: the account's quota is used up; top it up and run again")
            return RetryableError(
                f"{self._where}: HTTP {status} {said}",
                kind="busy" if status == 429 else "fault",
                after=_retry_after(error.response.headers, now=time.time()),
            )
        if status in {401, 403}:
            return EndpointDownError(f"{self._where}: the key was refused (HTTP {status}); check {KEY_VARIABLE}")
        if status == 404:
            return EndpointDownError(
                f"{self._where}: HTTP 404 for model {self.model!r}; check the model's name and --base-url"
            )
        # Looked for in what was sent: several requests may have been under way when the first was refused.
        if status == 400 and "logprobs" in sent and "logprob" in said.lower():
            self._gives_logprobs = False
            return RetryableError(f"{self._where}: gives no log-probabilities", kind="again", after=0)
        return ModelError(f"{self._where}: HTTP {status} {said}")


class _Bounded(AsyncByteStream):
    """A body that may not be larger than a reply can be."""

    def __init__(self, stream: AsyncByteStream, too_large: Callable[[], Exception]) -> None:
        self._stream = stream
        self._too_large = too_large

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > LARGEST_REPLY:
                raise self._too_large()
            yield chunk

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()


def api_key(base_url: str | None) -> str:
    """Read the key from the environment; a server on this machine may go without.

    Raises:
        CultureParkError: When there is none and the server is another machine.
    """
    if key := os.environ.get(KEY_VARIABLE):
        return key
    host = urlsplit(base_url).hostname if base_url else None
    if host in {"127.0.0.1", "localhost", "::1"}:
        return "none"
    raise CultureParkError(
        f"{KEY_VARIABLE} is not set; set it to your key (or to any word, for a server that asks for none)"
    )


def _joined(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    """Join consecutive messages of one role: many chat templates reject two user messages in a row."""
    joined: list[dict[str, str]] = []
    for message in messages:
        if joined and joined[-1]["role"] == message.role:
            joined[-1]["content"] += f"\n{message.content}"
        else:
            joined.append({"role": message.role, "content": message.content})
    return joined


def _finish_reason(choice: Mapping[str, Any]) -> str:
    """Why the reply ends. The hosted API says `stop` of a refusal, and puts its words into a field of their own."""
    if choice["message"].get("refusal"):
        return "refusal"
    return choice.get("finish_reason") or "unknown"


def _text(choice: Mapping[str, Any]) -> str:
    """The words of a reply. NUL and halves of surrogate pairs, which no database holds as text, show as missing."""
    text = choice["message"].get("content") or ""
    return NO_TEXT.sub("\ufffd", text) if isinstance(text, str) else text


def _label_logprobs(choice: Mapping[str, Any], labels: tuple[str, ...]) -> dict[str, float] | None:
    """Log-probability of each label's first token: the likeliest token that begins the label, or is all of it.

    None where no label is among the likely tokens: such a reply is prose, whatever the lowest of them is worth.
    """
    content = (choice.get("logprobs") or {}).get("content") or []
    if not labels or not content:
        return None
    top = content[0].get("top_logprobs") or []
    found: dict[str, float] = {}
    for token in top:
        word = token["token"].strip().casefold()
        for label in labels:
            if word and label.casefold().startswith(word):
                found[label] = max(token["logprob"], found.get(label, -math.inf))
    if not found:
        return None
    lowest = min(token["logprob"] for token in top)
    return {label: found.get(label, lowest) for label in labels}


E = TypeVar("E", bound=BaseException)


def _cause(error: BaseException | None, kind: type[E]) -> E | None:
    """The error of a kind below another; the openai package calls refused and broken connections timeouts."""
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None


def _retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds that a server asks us to wait, which it says as such or as a date (RFC 9110); None where it does not."""
    said = headers.get("retry-after", "").strip()
    try:
        seconds = float(said) if said[:1].isdigit() else parsedate_to_datetime(said).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _message(error: openai.APIStatusError) -> str:
    """The server's own words, short; never our request."""
    body = error.body
    said = body.get("message") if isinstance(body, dict) else None
    return _beginning(said or body or "")


def _beginning(value: object) -> str:
    text = " ".join(str(value).split())
    return repr(text[:120] + ("…" if len(text) > 120 else ""))
