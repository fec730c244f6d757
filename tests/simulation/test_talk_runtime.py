"""Messages of a talk go straight to their handlers, in order, and what a handler raises is not lost."""

import asyncio
from dataclasses import dataclass

import pytest
from autogen_core import (
    AgentId,
    DefaultTopicId,
    MessageContext,
    RoutedAgent,
    TypeSubscription,
    event,
    rpc,
)

from culturepark.simulation.talk_runtime import TalkRuntime


@dataclass
class Said:
    text: str


@dataclass
class Question:
    text: str


@dataclass
class Copy:
    text: str


class Listener(RoutedAgent):
    """Writes down what it hears, and cannot bear one word."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__("listens")
        self._heard = heard

    @event
    async def hear(self, message: Said, ctx: MessageContext) -> None:
        if message.text == "bad":
            raise ValueError("a bad word")
        self._heard.append(f"{self.id.type} {message.text}")

    @rpc
    async def answer(self, message: Question, ctx: MessageContext) -> str:
        return f"{message.text}: {ctx.is_rpc}"


async def made(heard: list[str]) -> TalkRuntime:
    runtime = TalkRuntime(unheard=Copy)
    for name in ("a", "b"):
        await Listener.register(runtime, name, lambda: Listener(heard))
        await runtime.add_subscription(TypeSubscription(topic_type="talk", agent_type=name))
    runtime.start()
    return runtime


def test_a_message_reaches_everybody_but_its_sender_in_order() -> None:
    async def main() -> list[str]:
        heard: list[str] = []
        runtime = await made(heard)
        for text in ("one", "two"):
            await runtime.publish_message(Said(text), DefaultTopicId("talk", "x"), sender=AgentId("a", "x"))
        await runtime.publish_message(Said("three"), DefaultTopicId("talk", "x"))
        await runtime.publish_message(Copy("four"), DefaultTopicId("talk", "x"))
        await runtime.stop_when_idle()
        return [*heard, await runtime.send_message(Question("and"), AgentId("b", "x"))]

    *heard, answer = asyncio.run(main())

    assert heard[:2] == ["b one", "b two"]
    assert sorted(heard[2:]) == ["a three", "b three"]
    assert answer == "and: True"


def test_what_a_handler_raises_is_raised_when_the_talk_is_idle() -> None:
    async def main() -> None:
        heard: list[str] = []
        runtime = await made(heard)
        await runtime.publish_message(Said("bad"), DefaultTopicId("talk", "x"), sender=AgentId("a", "x"))
        await runtime.stop_when_idle()

    with pytest.raises(ValueError, match="a bad word"):
        asyncio.run(main())
