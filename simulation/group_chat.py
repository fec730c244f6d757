"""The one module that knows AutoGen's teams: a group chat in which a `TurnProtocol` picks every speaker.

Built on `BaseGroupChat` and its manager of autogen-agentchat 0.7.5 (private module names, hence the pin).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, MessageFactory, StopMessage, TextMessage
from autogen_agentchat.teams import BaseGroupChat
from autogen_agentchat.teams._group_chat._base_group_chat_manager import BaseGroupChatManager
from autogen_agentchat.teams._group_chat._events import GroupChatMessage, GroupChatStart, GroupChatTermination
from autogen_core import DefaultTopicId

from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.protocols.base import Asker, Cue, Scene, TurnProtocol
from culturepark.protocols.cueing import next_cue
from culturepark.protocols.turn import Ask, SpokenCue, Turn
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.autogen_client import LedgerChatCompletionClient
from culturepark.simulation.checks import Utterances
from culturepark.simulation.speaker import FAILED, MODERATOR, PersonaAgent
from culturepark.simulation.stopping import StoppedError, Stopper
from culturepark.simulation.talk_runtime import TalkRuntime

# What goes wrong reaches the user as one line of ours (see `Talk.failure`), not as AutoGen's log.
logging.getLogger("autogen_core").setLevel(logging.CRITICAL)
logging.getLogger("autogen_core.events").setLevel(logging.CRITICAL)

OnTurn = Callable[[Turn], Awaitable[None]]


@dataclass
class Talk:
    """What the manager and the caller share about one talk under way."""

    id: str
    root: str
    question: Question
    seats: tuple[Seat, ...]
    protocol: TurnProtocol
    on_turn: OnTurn
    turns: list[Turn]
    asker: Asker | None = None
    failure: Exception | None = None
    """The protocol's or the store's error. It does not pass through AutoGen, which would hand it on as text."""
    asks: tuple[Ask, ...] = ()
    """Questions the protocol put to a model while the coming turn was cued."""
    stopper: Stopper = field(default_factory=Stopper)
    utterances: Utterances = field(init=False)
    """Of the turns, for the turn checks."""

    def __post_init__(self) -> None:
        self.utterances = Utterances((turn.speaker, turn.text) for turn in self.turns)

    async def note(self, turn: Turn) -> None:
        """Write down one more turn."""
        await self.on_turn(turn)
        self.turns.append(turn)
        self.utterances.add(turn.speaker, turn.text)


async def hold_talk(talk: Talk, *, client: LedgerChatCompletionClient) -> None:
    """Go on from `talk.turns` until the protocol ends the talk; every turn is handed to `on_turn` first.

    When it is cancelled, open requests are given up, and the turn under way is said again another time.

    Raises:
        ProtocolError: When the protocol broke its contract.
        ModelError: When the model gave no reply.
    """
    first = await _next_cue(talk)
    if first is None:
        return  # killed between its last turn and its mark: nothing is left to say
    agents = [
        PersonaAgent(
            seat,
            seats=talk.seats,
            question=talk.question,
            client=client,
            stopper=talk.stopper,
            utterances=talk.utterances,
            turns=talk.turns,
        )
        for seat in talk.seats
    ]
    team = _ProtocolGroupChat(agents, talk, first)
    running = asyncio.create_task(team.run())
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        talk.stopper.stop()
        await running
        raise
    finally:
        team.dissolve()
    failure = next((agent.failure for agent in agents if agent.failure is not None), talk.failure)
    if failure is not None:
        # An error holds the frames that it came through, and these hold whoever holds it.
        for agent in agents:
            agent.failure = None
        talk.failure = None
        try:
            raise failure
        finally:
            del failure, agents, team, running


class _Manager(BaseGroupChatManager):
    """Asks the protocol exactly once a turn, and uses the answer both to end and to choose."""

    def __init__(self, *args: Any, talk: Talk, first: Cue, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._talk = talk
        self._cue: Cue | None = first

    async def validate_group_state(self, messages: list[BaseChatMessage] | None) -> None:
        """Hold AutoGen to what we start it with."""
        assert not messages, "a talk has no task message: the protocol opens it"

    async def select_speaker(self, thread: Sequence[BaseAgentEvent | BaseChatMessage]) -> str:
        """Whisper to the cued speaker and name it."""
        cue = self._cue
        assert cue is not None, "_apply_termination_condition ends the talk first"
        if cue.guidance is not None:
            message = TextMessage(
                source=MODERATOR, content=cue.guidance, metadata={"private": "yes" if cue.private else "no"}
            )
            topic = self._participant_name_to_topic_type[cue.speaker.id] if cue.private else self._group_topic_type
            # Published before returning, so the speaker's FIFO inbox holds the whisper ahead of the request
            # to speak; sending it later would reach the *next* turn instead.
            await self.publish_message(GroupChatStart(messages=[message]), topic_id=DefaultTopicId(type=topic))
        return cue.speaker.id

    async def _apply_termination_condition(
        self, delta: Sequence[BaseAgentEvent | BaseChatMessage], increment_turn_count: bool = False
    ) -> bool:
        """Write the turn down, then ask who is next; AutoGen's own GraphFlowManager overrides this too."""
        assert increment_turn_count, "only utterances end a talk"
        try:
            (message,) = delta
            assert isinstance(message, TextMessage)
            if FAILED in message.metadata:
                self._cue = None
            else:
                await self._record(message)
                self._cue = await self._talk.stopper.wait(_next_cue(self._talk))
        except StoppedError:
            self._cue = None
        except CultureParkError as error:
            self._talk.failure = error
            self._cue = None
        if self._cue is not None:
            return False
        await self._signal_termination(StopMessage(content="the protocol ended the talk", source=self._name))
        return True

    async def _record(self, message: TextMessage) -> None:
        talk, cue, facts = self._talk, self._cue, message.metadata
        assert cue is not None
        usage = message.models_usage
        turn = Turn.model_validate(
            {
                "index": len(talk.turns),
                "speaker": message.source,
                "text": message.content,
                "cue": SpokenCue(guidance=cue.guidance, private=cue.private) if cue.guidance is not None else None,
                "asks": talk.asks,
                "note": cue.note,
                "finish_reason": facts["finish_reason"],
                "tokens_in": usage.prompt_tokens if usage else 0,
                "tokens_out": usage.completion_tokens if usage else 0,
                "tokens_cached": int(facts["tokens_cached"]),
                "model": facts["model"],
                "request": facts["request"],
                "draws": int(facts["draws"]),
                "flags": tuple(facts["flags"].split()),
            }
        )
        await talk.note(turn)

    async def reset(self) -> None:
        """Do nothing: a talk is rebuilt from its transcript, its team is thrown away."""

    async def save_state(self) -> Mapping[str, Any]:
        """Save nothing: the transcript is the state."""
        return {}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Nothing to load."""


class _ProtocolGroupChat(BaseGroupChat):
    """One talk's team, with a runtime of its own: a shared one gets slower with every talk."""

    component_type = "team"

    def __init__(self, agents: Sequence[PersonaAgent], talk: Talk, first: Cue) -> None:
        self._talk = talk
        self._first = first
        super().__init__(
            "talk", "people of different cultures under a TurnProtocol", list(agents), "talk_manager", _Manager
        )
        # Embedded, so that the team starts it and waits until it is idle. Copies of what was said for the team's output
        # stream go nowhere: the manager writes the transcript.
        self._runtime = self._own_runtime = TalkRuntime(unheard=GroupChatMessage)

    def dissolve(self) -> None:
        """Let go of the agents when the talk is over."""
        self._own_runtime.dissolve()

    def _create_group_chat_manager_factory(
        self,
        name: str,
        group_topic_type: str,
        output_topic_type: str,
        participant_topic_types: list[str],
        participant_names: list[str],
        participant_descriptions: list[str],
        output_message_queue: asyncio.Queue[BaseAgentEvent | BaseChatMessage | GroupChatTermination],
        termination_condition: Any,
        max_turns: int | None,
        message_factory: MessageFactory,
    ) -> Callable[[], _Manager]:
        return lambda: _Manager(
            name,
            group_topic_type,
            output_topic_type,
            participant_topic_types,
            participant_names,
            participant_descriptions,
            output_message_queue,
            termination_condition,
            max_turns,
            message_factory,
            talk=self._talk,
            first=self._first,
        )


async def _next_cue(talk: Talk) -> Cue | None:
    """Ask for the coming turn's cue; what the protocol asked a model meanwhile is kept for that turn."""
    scene = Scene(talk.seats, talk.question, tuple(talk.turns), talk.root, talk.asker)
    cue, talk.asks = await next_cue(talk.protocol, scene, talk=talk.id)
    return cue
