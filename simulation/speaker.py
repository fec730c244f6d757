"""A persona as an AutoGen agent: its own context, its own character sheet, one utterance a turn."""

from collections.abc import Sequence
from typing import NamedTuple

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, TextMessage
from autogen_core import CancellationToken
from autogen_core.models import RequestUsage

from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.protocols.turn import Flag, Turn
from culturepark.runtime.models.autogen_client import LedgerChatCompletionClient
from culturepark.runtime.request import Completed, Message
from culturepark.simulation.character import said
from culturepark.simulation.checks import Utterances, flags, tidy
from culturepark.simulation.memory import script, speaks_mixed
from culturepark.simulation.stopping import Stopper
from culturepark.simulation.tongues import announced, briefing, next_line

MODERATOR = "moderator"
FAILED = "failed"
"""Metadata of the message an agent sends when it could not speak; see `PersonaAgent.failure`."""


class Spoken(NamedTuple):
    """An utterance with the reply it was cut from."""

    text: str
    completed: Completed
    flags: tuple[Flag, ...]
    draws: int


class PersonaAgent(BaseChatAgent):
    """Speaks for one seat.

    Its context is the script so far, which only grows at the end, so that the endpoint's prefix cache hits; the
    request for the next line, with the whisper, comes after it and is not kept.
    """

    def __init__(
        self,
        seat: Seat,
        *,
        seats: Sequence[Seat],
        question: Question,
        client: LedgerChatCompletionClient,
        stopper: Stopper,
        utterances: Utterances,
        turns: Sequence[Turn] = (),
    ) -> None:
        """With `turns`, the agent remembers a talk it did not live through: resume and fork need no other state.

        `utterances` is what all said so far, kept once for the whole table by whoever writes the turns down.
        """
        super().__init__(seat.id, f"{seat.name} from {seat.culture.country_name}")
        self._seat = seat
        self._names = {other.id: other.name for other in seats}
        self._mixed = speaks_mixed(seats)
        self._client = client
        self._stopper = stopper
        self._briefing = briefing(seat, question, mixed=self._mixed)
        # As the ledger takes them: AutoGen's own context would be translated message by message at every turn.
        self._context = script(seat, seats, turns)
        self._utterances = utterances
        self._whisper: str | None = None
        """What the moderator whispered for the coming turn only."""
        self.failure: Exception | None = None
        """What went wrong. It does not pass through AutoGen, which would hand it on as text and print it besides."""

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        """Plain text only."""
        return (TextMessage,)

    async def on_messages(
        self,
        messages: Sequence[BaseChatMessage],
        cancellation_token: CancellationToken,
    ) -> Response:
        """Hear what was said since the last turn, then speak."""
        self._whisper = None
        for message in messages:
            self._hear(message)
        try:
            spoken = await self._stopper.wait(self._speak())
        except Exception as error:
            self.failure = error
            return Response(chat_message=TextMessage(source=self.name, content="", metadata={FAILED: "yes"}))
        self._note(self.name, spoken.text)
        reply = spoken.completed.reply
        message = TextMessage(
            id=spoken.completed.key,
            source=self.name,
            content=spoken.text,
            models_usage=RequestUsage(prompt_tokens=reply.tokens_in, completion_tokens=reply.tokens_out),
            metadata={
                "request": spoken.completed.key,
                "model": reply.model,
                "finish_reason": reply.finish_reason,
                "tokens_cached": str(reply.tokens_cached),
                "draws": str(spoken.draws),
                "flags": " ".join(spoken.flags),
            },
        )
        return Response(chat_message=message)

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Forget the context; what was said is the table's."""
        self._context.clear()

    async def _speak(self) -> Spoken:
        """Ask; if the turn checks object, ask once more, naming the fault, and keep the better of the two."""
        memory = [*self._briefing, *self._context]
        first = await self._draw(memory, draw=0)
        if not first.flags:
            return first
        second = await self._draw(memory, draw=1, faults=first.flags)
        better = second if len(second.flags) < len(first.flags) else first
        return better._replace(draws=2)

    async def _draw(self, memory: Sequence[Message], *, draw: int, faults: Sequence[Flag] = ()) -> Spoken:
        seat = self._seat
        line = next_line(seat, guidance=self._whisper, faults=faults, mixed=self._mixed)
        request = Message(role="user", content=line)
        others = [name for seat, name in self._names.items() if seat != self.name]
        completed = await self._client.complete([*memory, request], draw=draw, stop=("\n",))
        reply = completed.reply
        cut = reply.finish_reason == "length"
        text = tidy(reply.text, name=seat.name, others=others)
        found = flags(text, said=self._utterances, speaker=self.name, name=seat.name, language=seat.language, cut=cut)
        return Spoken(text, completed, found, draws=1)

    def _hear(self, message: BaseChatMessage) -> None:
        text = message.to_text()
        if message.source != MODERATOR:
            self._note(message.source, text)
        elif message.metadata["private"] == "yes":
            self._whisper = text
        else:
            self._context.append(Message(role="user", content=announced(text, language=self._seat.language)))

    def _note(self, speaker: str, text: str) -> None:
        self._context.append(Message(role="user", content=said(self._names[speaker], text)))
