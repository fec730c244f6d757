"""One model behind an OpenAI-compatible server: requests become HTTP bodies, HTTP answers become replies.

The `openai` package owns the settings (key, address, headers) and what an error answer means. The answers themselves
come over a session of aiohttp's, the HTTP client that the package would use: its own way there builds typed options,
a request and a response for every call, which costs four times what sending and reading one takes
(`docs/speed.md`). There are no retries here: the ledger counts and spaces every try.
"""

import asyncio
import json
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2
import openai

from culturepark.runtime.errors import CultureParkError, EndpointDownError, ModelError, RetryableError
from culturepark.runtime.models.slots import Slots
from culturepark.runtime.pacing import REPLY_TIMEOUT
from culturepark.runtime.request import Message, Reply, Request

Dialect = Literal["openai", "compatible", "llama.cpp"]
"""How the body is spelled: the hosted API; a server that speaks it; llama.cpp with its own extra fields."""

KEY_VARIABLE = "OPENAI_API_KEY"
KEY_FILE_VARIABLE = "OPENAI_API_KEY_FILE"
"""Names a file that holds the key and that nobody else can read."""
TOP_LABELS = 20
TOP_OPTIONS = 200
"""Likely tokens that our own server lists for a scale: its rarer answers are seldom among the first 20."""
VERDICTS = 3
"""Labels of a judge, whose offsets are fitted to `TOP_LABELS`."""
SHORTEST_KEY = 16
"""Characters from which a key is a secret; shorter ones are words for servers that ask for none."""
HIDDEN = "[the key]"
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
        slots: int = 0,
    ) -> None:
        """`timeout` is in seconds, for a whole reply. `slots` is how many a server has that nobody else asks."""
        self.identity = identity
        self.model = model
        self.dialect = dialect
        # How to make it again in another process, which has the key from an environment of its own, and does not know
        # which slots others use.
        self._made = partial(
            Endpoint,
            identity=identity,
            model=model,
            base_url=base_url,
            dialect=dialect,
            timeout=timeout,
        )
        self._where = base_url or "https://api.openai.com/v1"
        self._timeout = timeout
        self._gives_logprobs = True
        self._tls = httpx2.create_ssl_context()
        self._key = api_key(base_url)
        self._client = openai.AsyncOpenAI(
            api_key=self._key,
            base_url=base_url,
            max_retries=0,
            timeout=timeout,
            # Never sends anything; its own would read the certificates a second time.
            http_client=httpx2.AsyncClient(verify=self._tls, trust_env=False),
        )
        self._url = f"{self._client.base_url}chat/completions"
        self._session: aiohttp.ClientSession | None = None
        self._slots = Slots(slots)

    def __reduce__(self) -> "tuple[partial[Endpoint], tuple[()]]":
        """Travel without the key and without connections."""
        return self._made, ()

    async def ask(self, request: Request) -> Reply:
        """Send one request once.

        Raises:
            RetryableError: For a fault that may pass.
            EndpointDownError: When nothing this run sends can succeed (key, address, model name).
            ModelError: When the server refused this very request or answered no reply at all.
        """
        sent = self.body(request)
        slot = self._slots.take(request.messages)
        if slot is not None:
            sent["id_slot"] = slot
        try:
            # One limit for the whole: a server that drips a byte now and then never meets one of each read.
            async with (
                asyncio.timeout(self._timeout),
                self._open().post(self._url, data=_dumped(sent), allow_redirects=False) as response,
            ):
                content = await self._whole(response)
        except aiohttp.ClientConnectorError as error:
            raise RetryableError(f"{self._where}: no connection ({error.strerror})", reached=False) from None
        except TimeoutError:
            raise self._lost("no reply in time") from None
        except aiohttp.ClientError:
            raise self._lost("the connection broke") from None
        finally:
            if slot is not None:
                self._slots.leave(slot, request.messages)
        if not 200 <= response.status < 300:
            raise self._status_error(self._understood(response, content), sent)
        # What does not call itself JSON is a page, and shown as such.
        if not response.headers.get("content-type", "").split(";")[0].endswith("json"):
            return self.reply(content.decode(errors="replace"), request)
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            raise self._lost("the reply is not JSON") from None
        return self.reply(body, request)

    def _open(self) -> aiohttp.ClientSession:
        """The connections, made with the first request: they belong to its event loop."""
        if self._session is None:
            limits, client = openai.DEFAULT_CONNECTION_LIMITS, self._client
            headers = {**client.default_headers, **client.auth_headers}
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._tls, limit=limits.max_connections or 0, keepalive_timeout=limits.keepalive_expiry
                ),
                headers={name: value for name, value in headers.items() if isinstance(value, str)},
                proxy=_proxy(self._url),
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def _whole(self, response: aiohttp.ClientResponse) -> bytes:
        """Read a reply, and keep one that never ends out of memory."""
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > LARGEST_REPLY:
                raise self._lost(f"the reply is larger than {LARGEST_REPLY // 2**20} MiB")
        return bytes(content)

    def _understood(self, response: aiohttp.ClientResponse, content: bytes) -> openai.APIStatusError:
        """An error answer as the package reads it."""
        return self._client._make_status_error_from_response(
            httpx2.Response(
                response.status,
                headers=[
                    (name, value) for name, value in response.headers.items() if name.lower() != "content-encoding"
                ],
                content=content,
                request=httpx2.Request("POST", self._url),
            )
        )

    def _lost(self, what: str) -> RetryableError:
        """A reply that may have been written and did not arrive whole."""
        return RetryableError(f"{self._where}: {what}", billed=True)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
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
            many = self.dialect == "llama.cpp" and len(request.labels) > VERDICTS
            body |= {"logprobs": True, "top_logprobs": TOP_OPTIONS if many else TOP_LABELS}
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

    def reply(self, body: object, request: Request) -> Reply:
        """Read the answer; one that does not have the API's shape is a fault of the endpoint."""
        if not isinstance(body, dict):
            raise EndpointDownError(
                f"{self._where}: answers, but not as an OpenAI-compatible server (got {self._beginning(body)}); "
                "check --base-url, which usually ends in /v1"
            )
        if "choices" not in body:
            raise self._lost(f"the reply has no choices: {self._beginning(body)}")
        choices = body["choices"]
        if not choices:
            raise self._lost("the reply's list of choices is empty")
        try:
            choice, usage = choices[0], body.get("usage") or {}
            details = usage.get("prompt_tokens_details") or {}
            return Reply(
                text=self._shown(_text(choice)),
                finish_reason=self._shown(_finish_reason(choice)),
                tokens_in=usage.get("prompt_tokens", 0),
                tokens_out=usage.get("completion_tokens", 0),
                tokens_cached=details.get("cached_tokens") or 0,
                model=self._shown(body.get("model") or self.model),
                label_logprobs=_label_logprobs(choice, request.labels),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._lost(f"the reply is malformed ({type(error).__name__})") from None

    def _status_error(self, error: openai.APIStatusError, sent: Mapping[str, Any]) -> Exception:
        status, said = error.status_code, self._message(error)
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

    def _message(self, error: openai.APIStatusError) -> str:
        """The server's own words, short; never our request."""
        body = error.body
        said = body.get("message") if isinstance(body, dict) else None
        return self._beginning(said or body or "")

    def _beginning(self, value: object) -> str:
        return shortened(value, key=self._key, most=120)

    def _shown(self, text: str) -> str:
        return without_key(text, self._key)


def api_key(base_url: str | None) -> str:
    """Read the key from the environment, or the file it names; a server on this machine may go without.

    Raises:
        CultureParkError: When there is none for another machine, it is no key, or others can read the file.
    """
    if key := os.environ.get(KEY_VARIABLE):
        return _checked(key, place=KEY_VARIABLE)
    if named := os.environ.get(KEY_FILE_VARIABLE):
        return _key_in(Path(named))
    host = urlsplit(base_url).hostname if base_url else None
    if host in {"127.0.0.1", "localhost", "::1"}:
        return "none"
    raise CultureParkError(
        f"{KEY_VARIABLE} is not set; set it to your key (or to any word, for a server that asks for none)"
    )


def _key_in(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            key = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CultureParkError(f"{KEY_FILE_VARIABLE}={path}: cannot be read ({type(error).__name__})") from None
    if mode & 0o077:
        raise CultureParkError(f"{KEY_FILE_VARIABLE}={path}: others can read the key; run `chmod 600 {path}`")
    return _checked(key, place=f"{KEY_FILE_VARIABLE}={path}")


def _checked(key: str, *, place: str) -> str:
    """A key that can be a header; libraries that are given another one say it in their errors."""
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise CultureParkError(f"{place}: should hold one key and nothing else")
    return key


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

    A token that begins several labels (`1` of `1` and `10`) belongs to the one that it is all of; a label that is left
    without a token of its own is left out. A label that is asked for alone has its whole log-probability.

    None where no label is among the likely tokens: such a reply is prose, whatever the lowest of them is worth.
    """
    content = (choice.get("logprobs") or {}).get("content") or []
    if not labels or not content:
        return None
    if len(labels) == 1:
        return _whole_logprob(content, labels[0])
    top = content[0].get("top_logprobs") or []
    found: dict[str, float] = {}
    unsettled: set[str] = set()
    for token in top:
        word = token["token"].strip().casefold()
        begun = [label for label in labels if word and label.casefold().startswith(word)]
        for label in begun:
            if len(begun) == 1 or word == label.casefold():
                found[label] = max(token["logprob"], found.get(label, -math.inf))
            else:
                unsettled.add(label)
    if not found:
        return None
    lowest = min(token["logprob"] for token in top)
    return {label: found.get(label, lowest) for label in labels if label in found or label not in unsettled}


def _whole_logprob(content: Sequence[Mapping[str, Any]], label: str) -> dict[str, float] | None:
    """Log-probability of all tokens of a label; None where the reply does not begin with it."""
    said, total = "", 0.0
    for token in content:
        said += token["token"]
        total += token["logprob"]
        if said.strip() == label:
            return {label: total}
    return None


def _dumped(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for an address."""
    parts, proxies = urlsplit(url), getproxies()
    if proxy_bypass(parts.hostname or ""):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")


def _retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds that a server asks us to wait, which it says as such or as a date (RFC 9110); None where it does not."""
    said = headers.get("retry-after", "").strip()
    try:
        seconds = float(said) if said[:1].isdigit() else parsedate_to_datetime(said).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def without_key(text: str, key: str) -> str:
    """What a server said, without the key: some echo the request's headers in errors, and errors are kept and shown."""
    return text.replace(key, HIDDEN) if len(key) >= SHORTEST_KEY and isinstance(text, str) else text


def shortened(value: object, *, key: str, most: int) -> str:
    """The beginning of what a server said, on one line and in quotes, without the key."""
    text = without_key(" ".join(str(value).split()), key)
    return repr(text[:most] + ("…" if len(text) > most else ""))
