"""What is asked of a model and what it answered: the records that cross the ledger."""

from typing import Any, Literal, NamedTuple, Protocol

from pydantic import Field, JsonValue

from culturepark.runtime.record import Record


class Message(Record):
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    content: str


class Sampling(Record):
    """How the next token is drawn. Part of a request's identity."""

    temperature: float = Field(default=0.8, ge=0, le=2)
    top_p: float = Field(default=0.95, gt=0, le=1)
    max_tokens: int = Field(default=120, ge=1)
    repeat_penalty: float | None = Field(default=None, ge=1, le=2)
    """Discounts tokens already said. Sent only to servers that know it (llama.cpp's `repeat_penalty`)."""
    dry_multiplier: float | None = Field(default=None, ge=0, le=5)
    """Discounts going on with a run of words that already stands in the context ("don't repeat yourself"
    sampling), which is what copying another's turn is. Sent only to servers that know it (llama.cpp)."""
    stop: tuple[str, ...] = ()


class Request(Record):
    """One question to a model. Its key hashes all of it and the model's identity, never a URL or a time."""

    messages: tuple[Message, ...]
    purpose: str = Field(pattern=r"^[a-z][a-z_]*$")
    """Which step asks, e.g. `utterance`, `extract`, `verify`: equal words for two purposes are two requests."""
    sampling: Sampling = Sampling()
    draw: int = Field(default=0, ge=0)
    """0 for the first try; a retry because of the *content* of a reply is the next draw."""
    seed: int = 0
    json_schema: dict[str, JsonValue] | None = None
    """The reply is held to this JSON schema where the endpoint can do so."""
    labels: tuple[str, ...] = ()
    """Closed labels: the reply is one of these words. Log-probabilities come with it where there are any."""


MOST_TOKENS = 2**31
"""Of one reply, in or out: an endpoint that claims more is broken, and its sums would not fit a database."""


class Reply(Record):
    """What the endpoint answered. Immutable once committed."""

    text: str
    finish_reason: str
    """As the endpoint said it: `stop`, `length`, `content_filter`, …; `refusal` where it gave one instead."""
    tokens_in: int = Field(ge=0, le=MOST_TOKENS)
    tokens_out: int = Field(ge=0, le=MOST_TOKENS)
    tokens_cached: int = Field(default=0, ge=0, le=MOST_TOKENS)
    """Part of `tokens_in` that the endpoint read from its prefix cache."""
    model: str
    """Name of the model as the endpoint reported it."""
    label_logprobs: dict[str, float] | None = None
    """For a request with labels: natural log of the probability of each label's first token, over the whole
    vocabulary. For a label outside the endpoint's list of likely tokens it is the lowest on that list: an upper
    bound. None where the endpoint gives no log-probabilities."""


class Model(Protocol):
    """Anything that answers requests: a model behind HTTP, or a classifier in this process."""

    @property
    def identity(self) -> str:
        """Names it in keys and ids; never a URL."""
        ...

    async def ask(self, request: Request) -> Reply:
        """Answer one request once; the ledger counts, spaces and repeats."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class Completed(NamedTuple):
    """A reply with where it is kept."""

    reply: Reply
    key: str
    """The ledger key: 64 hexadecimal digits."""
    cached: bool
    """True when the reply was already committed and nothing was sent."""


JsonObject = dict[str, Any]
