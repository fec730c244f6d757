"""LangChain's view of the ledger: a `BaseChatModel` that looks up before it asks."""

from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from pydantic import ConfigDict

from culturepark.runtime.ledger import Ledger
from culturepark.runtime.request import Message, Request, Sampling

WARMER = 0.7
"""Least temperature of a further draw: without any, the same prompt brings the same words again."""
ROLES = {"system": "system", "human": "user", "ai": "assistant"}


class LedgerChatModel(BaseChatModel):
    """Asks through the ledger; `.bind(draw=1, labels=(...), json_schema={...}, seed=7)` sets a call's own.

    The message's `response_metadata` holds `finish_reason`, `key`, `cached` and `label_logprobs`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    ledger: Ledger
    purpose: str
    sampling: Sampling
    cache: bool | None = False
    """LangChain's own cache knows no purpose and no draw, and would hand a bad reply back on retry."""

    def at_draw(self, draw: int, **bound: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """The model bound for a draw: the first as it is sampled, further ones warmer and with a seed of their own."""
        if draw == 0:
            return self.bind(draw=0, **bound)
        warm = self.sampling.model_copy(update={"temperature": max(self.sampling.temperature, WARMER)})
        return self.model_copy(update={"sampling": warm}).bind(draw=draw, seed=draw, **bound)

    @property
    def _llm_type(self) -> str:
        return "culturepark-ledger"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise TypeError("the ledger is asynchronous: use ainvoke, abatch or abatch_as_completed")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        sampling = self.sampling.model_copy(update={"stop": (*self.sampling.stop, *(stop or ()))})
        request = Request(
            messages=tuple(_message(message) for message in messages),
            purpose=self.purpose,
            sampling=sampling,
            **kwargs,
        )
        completed = await self.ledger.complete(request)
        reply = completed.reply
        message = AIMessage(
            content=reply.text,
            response_metadata={
                "finish_reason": reply.finish_reason,
                "key": completed.key,
                "cached": completed.cached,
                "label_logprobs": reply.label_logprobs,
            },
        )
        return ChatResult(generations=[ChatGeneration(message=message)])


def _message(message: BaseMessage) -> Message:
    if message.type not in ROLES or not isinstance(message.content, str):
        raise ValueError(f"chains send text messages only, not {message.type!r}")
    return Message.model_validate({"role": ROLES[message.type], "content": message.content})
