"""AutoGen's runtime for one talk, without its queue, its spans and its event log.

The stock runtime writes every message down as JSON up to four times for a log that nobody reads, and says itself that
it is "not suitable for high-throughput or high-concurrency scenarios". Here a message goes straight to its handlers;
who is subscribed to what, and every agent, is AutoGen's. What that saves: `python -m benchmarks.speed.held_talks`.
"""

import asyncio
import itertools
from typing import Any

from autogen_core import AgentId, CancellationToken, MessageContext, SingleThreadedAgentRuntime, TopicId
from autogen_core._message_handler_context import MessageHandlerContext


class TalkRuntime(SingleThreadedAgentRuntime):
    """Each delivery is a task; tasks begin in the order they were made, so an inbox fills in the order of sending."""

    def __init__(self, *, unheard: type) -> None:
        """Messages of the type `unheard` are not delivered at all."""
        super().__init__(ignore_unhandled_exceptions=False)
        self._unheard = unheard
        self._deliveries: set[asyncio.Task[Any]] = set()
        self._idle = asyncio.Event()
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Nothing runs between deliveries."""

    async def stop_when_idle(self) -> None:
        """Wait for the last delivery.

        Raises:
            BaseException: What a handler raised.
        """
        await self._idle.wait()
        if self._failure is not None:
            raise self._failure

    def dissolve(self) -> None:
        """Let go of the agents: they and the runtime hold each other, and all of it would wait for the collector."""
        self._agent_factories.clear()
        self._instantiated_agents.clear()

    async def send_message(
        self,
        message: Any,
        recipient: AgentId,
        *,
        sender: AgentId | None = None,
        cancellation_token: CancellationToken | None = None,
        message_id: str | None = None,
    ) -> Any:
        """Let the recipient handle a message and return its answer."""
        context = _context(sender, None, cancellation_token, message_id)
        return await self._begin(message, recipient, context)

    async def publish_message(
        self,
        message: Any,
        topic_id: TopicId,
        *,
        sender: AgentId | None = None,
        cancellation_token: CancellationToken | None = None,
        message_id: str | None = None,
    ) -> None:
        """Hand a message to everybody subscribed to its topic but its sender."""
        if isinstance(message, self._unheard):
            return
        context = _context(sender, topic_id, cancellation_token, message_id)
        for recipient in await self._subscription_manager.get_subscribed_recipients(topic_id):
            if recipient != sender:
                self._begin(message, recipient, context)

    def _begin(self, message: Any, recipient: AgentId, context: MessageContext) -> asyncio.Task[Any]:
        task = asyncio.create_task(self._deliver(message, recipient, context))
        self._deliveries.add(task)
        task.add_done_callback(self._delivered)
        return task

    async def _deliver(self, message: Any, recipient: AgentId, context: MessageContext) -> Any:
        agent = await self._get_agent(recipient)
        with MessageHandlerContext.populate_context(agent.id):
            return await agent.on_message(message, ctx=context)

    def _delivered(self, task: asyncio.Task[Any]) -> None:
        self._deliveries.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
        if not self._deliveries:
            self._idle.set()


_NUMBERS = itertools.count()
"""Ids of messages within this process; nobody looks one up, and random ones are read from the system one by one."""


def _context(
    sender: AgentId | None, topic: TopicId | None, token: CancellationToken | None, message_id: str | None
) -> MessageContext:
    return MessageContext(
        sender=sender,
        topic_id=topic,
        is_rpc=topic is None,
        cancellation_token=token or CancellationToken(),
        message_id=message_id or str(next(_NUMBERS)),
    )
