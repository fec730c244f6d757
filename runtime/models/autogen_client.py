"""AutoGen's view of the ledger: a `ChatCompletionClient` that looks up before it asks."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Literal, NoReturn

from autogen_core import CancellationToken
from autogen_core.models import AssistantMessage as OwnMessage
from autogen_core.models import (
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelCapabilities,
    ModelFamily,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from culturepark.runtime.ledger import Ledger
from culturepark.runtime.request import Completed, Message, Request, Sampling

MODEL_INFO = ModelInfo(
    vision=False,
    function_calling=False,
    json_output=False,
    family=ModelFamily.UNKNOWN,
    structured_output=False,
)


class LedgerChatCompletionClient(ChatCompletionClient):
    """Asks through the ledger. One object serves all agents of a talk; it holds no conversation."""

    def __init__(self, ledger: Ledger, *, purpose: str, sampling: Sampling, seed: int) -> None:
        self._ledger = ledger
        self._purpose = purpose
        self._sampling = sampling
        self._seed = seed
        self._usage = RequestUsage(prompt_tokens=0, completion_tokens=0)

    async def complete(self, messages: Sequence[Message], *, draw: int = 0, stop: tuple[str, ...] = ()) -> Completed:
        """Ask, and keep what `CreateResult` has no field for (key, model as served)."""
        completed = await self._ledger.complete(
            Request(
                messages=tuple(messages),
                purpose=self._purpose,
                sampling=self._sampling.model_copy(update={"stop": (*self._sampling.stop, *stop)}),
                draw=draw,
                seed=self._seed + draw,
            )
        )
        self._usage.prompt_tokens += completed.reply.tokens_in
        self._usage.completion_tokens += completed.reply.tokens_out
        return completed

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """Ask once; `extra_create_args` may hold `draw` and `stop`."""
        if tools or json_output or tool_choice != "auto":
            raise ValueError("talks use no tools and no JSON; ask the ledger directly for those")
        completed = await self.complete([_message(message) for message in messages], **extra_create_args)
        reply = completed.reply
        return CreateResult(
            finish_reason="length" if reply.finish_reason == "length" else "stop",
            content=reply.text,
            usage=RequestUsage(prompt_tokens=reply.tokens_in, completion_tokens=reply.tokens_out),
            cached=completed.cached,
        )

    def create_stream(self, *_args: Any, **_kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
        """Refuse: a reply is committed whole."""
        _no_stream()

    async def close(self) -> None:
        """Leave the ledger's endpoint open: other talks use it."""

    def actual_usage(self) -> RequestUsage:
        """Tokens of this client's replies, committed ones included."""
        return self._usage

    def total_usage(self) -> RequestUsage:
        """The same as `actual_usage`: nothing is hidden behind a cache of its own."""
        return self._usage

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        """Bound from above: a token is at least a byte."""
        assert not tools
        return sum(len(_message(message).content.encode()) for message in messages)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        """Unknown in general: the endpoint says when a context is full, and the talk is listed with that."""
        assert not tools
        return 2**31 - self.count_tokens(messages)

    @property
    def capabilities(self) -> ModelCapabilities:
        """Deprecated in AutoGen, still abstract."""
        return ModelCapabilities(vision=False, function_calling=False, json_output=False)

    @property
    def model_info(self) -> ModelInfo:
        """Text in, text out."""
        return MODEL_INFO


def _message(message: LLMMessage) -> Message:
    match message:
        case SystemMessage(content=text):
            return Message(role="system", content=text)
        case UserMessage(content=str(text)):
            return Message(role="user", content=text)
        case OwnMessage(content=str(text)):
            return Message(role="assistant", content=text)
        case _:
            raise ValueError(f"a talk holds text only, not {type(message).__name__}")


def _no_stream() -> NoReturn:
    raise ValueError("the ledger commits whole replies; use create")
