"""From a model's name to an endpoint that answers, and back to nothing left running."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from culturepark.runtime.console import note
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.adapter_gguf import adapter_gguf
from culturepark.runtime.models.builtin import Served, serve
from culturepark.runtime.models.endpoint import KEY_VARIABLE, Dialect, Endpoint
from culturepark.runtime.models.nli import NliModel
from culturepark.runtime.models.spec import ModelSpec
from culturepark.runtime.models.weights import fetch
from culturepark.runtime.pacing import REPLY_TIMEOUT
from culturepark.runtime.request import Model

BUILTIN_SLOTS = 8
_WARNED: set[str] = set()
"""Addresses that were warned of: a run opens a model more than once."""
BUILTIN_CONTEXT = 3072


class OpenModel:
    """A model that can be asked, with the server behind it where that is ours."""

    def __init__(self, endpoint: Model, served: Served | None) -> None:
        self.endpoint = endpoint
        self.served = served

    @property
    def concurrency(self) -> int:
        """Requests that gain from being in flight together."""
        return BUILTIN_SLOTS if self.served else 1024


@asynccontextmanager
async def open_model(
    spec: ModelSpec, *, base_url: str | None = None, timeout: float = REPLY_TIMEOUT
) -> AsyncIterator[OpenModel]:
    """Make a model answer: fetch and serve weights, or connect to a server. `timeout` is seconds, for a whole reply.

    Raises:
        CultureParkError: When a key is missing, weights cannot be fetched, or the server does not start.
    """
    check_address(spec, base_url)
    async with AsyncExitStack() as stack:
        served: Served | None = None
        dialect: Dialect = "openai" if base_url is None else "compatible"
        if spec.kind == "nli":
            yield OpenModel(NliModel(spec.name, identity=spec.identity), None)
            return
        if spec.kind != "openai":
            path = fetch(spec.name) if spec.kind == "builtin" else Path(spec.name)
            adapter = None if spec.adapter is None else adapter_gguf(spec.adapter, path)
            served = await stack.enter_async_context(
                serve(path, adapter=adapter, slots=BUILTIN_SLOTS, context=BUILTIN_CONTEXT)
            )
            base_url, dialect = served.base_url, "llama.cpp"
        elif base_url is not None:
            _warn_of_plain_http(base_url)
        endpoint = Endpoint(
            identity=spec.identity,
            model=spec.name,
            base_url=base_url,
            dialect=dialect,
            timeout=timeout,
            slots=BUILTIN_SLOTS if served else 0,
        )
        stack.push_async_callback(endpoint.close)
        yield OpenModel(endpoint, served)


def check_address(spec: ModelSpec, base_url: str | None) -> None:
    """Refuse an address that cannot be meant, before anything is made.

    Raises:
        CultureParkError: For an address beside a model of our own, or one that is no web address.
    """
    if base_url is None:
        return
    if spec.kind != "openai":
        raise CultureParkError(
            f"--base-url is for a server's model: write --model openai:NAME, not {spec.kind}:{spec.name}"
        )
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise CultureParkError(
            f"--base-url {base_url!r} is not a web address; write for instance http://127.0.0.1:8000/v1"
        )
    if parts.username is not None or parts.password is not None:
        raise CultureParkError(
            f"--base-url with a name or password before {parts.hostname} would be written into study.yaml; "
            f"put the key into {KEY_VARIABLE}"
        )


def _warn_of_plain_http(base_url: str) -> None:
    parts = urlsplit(base_url)
    if base_url in _WARNED:
        return
    _WARNED.add(base_url)
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        note(f"warning: {parts.hostname} is reached over plain http: the key and the talks can be read on the way")
