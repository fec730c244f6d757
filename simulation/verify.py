"""Hold a talk again from the ledger alone, with the model off, and say where and why it comes out otherwise."""

import difflib
from collections.abc import Sequence
from typing import Literal

from culturepark.protocols.base import Cue, Scene, TurnProtocol
from culturepark.protocols.cueing import ProtocolError
from culturepark.protocols.turn import Turn
from culturepark.runtime.committed import Committed, committed, other_draw
from culturepark.runtime.errors import CultureParkError, ModelError, NotCommittedError
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.autogen_client import LedgerChatCompletionClient
from culturepark.runtime.record import Record
from culturepark.runtime.request import Message, Request, Sampling
from culturepark.runtime.store import Store
from culturepark.simulation.causes import Cause, CauseKind, by_likelihood, changed, differences
from culturepark.simulation.group_chat import Talk, hold_talk
from culturepark.simulation.run import request_seed
from culturepark.simulation.saved import load_saved
from culturepark.simulation.talks import lineage
from culturepark.simulation.today import Rebuilt, Today
from culturepark.simulation.transcript import Transcript

CONTEXT_LINES = 1
CUED: tuple[CauseKind, ...] = ("protocol", "persona", "question")
# A seed deals the stances anew, so it stands before them.
TOLD: tuple[CauseKind, ...] = ("persona", "seed", "stance", "question", "culture", "language", "templates")
ASKED: tuple[CauseKind, ...] = ("protocol", "seed", "stance", "question", "language", "persona", "templates")
DRAWN: tuple[CauseKind, ...] = ("sampling", "model")
CHECKED: tuple[CauseKind, ...] = ("language", "persona", "code")


class Divergence(Record):
    """The first place where a talk does not come out as recorded."""

    turn: int
    what: str
    message: int | None = None
    """Which message of the prompt, from 0; None when no prompt differs."""
    role: str | None = None
    line: int | None = None
    """First line of that message that differs, from 1."""
    diff: tuple[str, ...] = ()
    """Unified diff of that message: recorded against today's."""


class Verification(Record):
    """How a talk stands against today's inputs."""

    talk: str
    status: Literal["holds", "diverged", "unverifiable"]
    """`unverifiable`: the run's ledger does not hold its replies, as for imported talks."""
    turns: int
    """Turns that came out again."""
    divergence: Divergence | None = None
    causes: tuple[Cause, ...] = ()
    """Inputs that are not what they were, the likeliest reason first. A talk may hold in spite of them."""


class _DivergedError(CultureParkError):
    """Ends a talk held again; passes through the group chat as any error of a user's would."""

    def __init__(self, divergence: Divergence, likely: tuple[CauseKind, ...]) -> None:
        super().__init__(divergence.what)
        self.divergence = divergence
        self.likely = likely


async def verify_all(store: Store, talks: Sequence[Transcript]) -> list[Verification]:
    """Hold talks of a run again, as its study and today's files would; nothing is written.

    Raises:
        CultureParkError: When today's files no longer hold somebody who sat in a talk.
    """
    held = {talk.id for talk in talks if is_in_ledger(store, talk)}
    # Only forks of imported talks can be held where there is no study; they name their own model.
    model = next((talk.model.partition("@")[0] for talk in talks if talk.id in held), None)
    today = Today(load_saved(store.folder, model=model)) if held else None
    return [
        await verify(store, talk, today) if today is not None and talk.id in held else unverifiable(talk)
        for talk in talks
    ]


async def verify(store: Store, recorded: Transcript, inputs: Today) -> Verification:
    """Hold a talk again, strictly from committed replies, through the team that held it.

    Turns shared with a parent are taken as recorded: verifying the parent is what checks them.

    Raises:
        CultureParkError: When today's files no longer hold somebody who sat in the talk.
    """
    if not is_in_ledger(store, recorded):
        return unverifiable(recorded)
    own = recorded.turns[recorded.own_from :]
    first = _reply(store, own[0]) if own else None
    today = inputs.of(recorded, line=lineage(store, recorded))
    sampled = _sampling(first) if first else None
    causes = changed(recorded, today.plan, sampled=sampled, sampling=today.sampling)
    turns = list(recorded.turns[: recorded.own_from])
    found: _DivergedError | None = None
    if own:
        try:
            await _hold_again(store, recorded, today, turns)
        except _DivergedError as diverged:
            found = diverged
        except NotCommittedError as missing:
            found = _missed(store, recorded, today, len(turns), missing.request)
        except (ProtocolError, ModelError) as error:
            found = _DivergedError(Divergence(turn=len(turns), what=str(error)), CUED)
    if found is None:
        return Verification(talk=recorded.id, status="holds", turns=len(own), causes=tuple(causes))
    if not causes:
        causes = [Cause(kind="code", field="culturepark", was="as recorded", now="another version, or a changed file")]
    return Verification(
        talk=recorded.id,
        status="diverged",
        turns=len(turns) - recorded.own_from,
        divergence=found.divergence,
        causes=by_likelihood(causes, found.likely),
    )


def is_in_ledger(store: Store, recorded: Transcript) -> bool:
    """Whether the run's ledger holds the replies that a talk's own turns were cut from; true for a talk without any."""
    own = recorded.turns[recorded.own_from :]
    return not own or _reply(store, own[0]) is not None


def unverifiable(recorded: Transcript) -> Verification:
    """What is said of a talk whose replies the ledger does not hold."""
    return Verification(talk=recorded.id, status="unverifiable", turns=0)


async def _hold_again(store: Store, recorded: Transcript, today: Rebuilt, turns: list[Turn]) -> None:
    ledger = Ledger(store, None, identity=today.plan.model)
    seed = request_seed(recorded)

    async def on_turn(turn: Turn) -> None:
        _compare(recorded.turns[turn.index], turn)

    async def asker(prompt: str) -> str:
        asks = recorded.turns[len(turns)].asks if len(turns) < len(recorded.turns) else ()
        known = {ask.prompt: ask.answer for ask in asks}
        if prompt in known:
            return known[prompt]
        request = Request(
            messages=(Message(role="user", content=prompt),), purpose="protocol_ask", sampling=today.sampling, seed=seed
        )
        return (await ledger.complete(request)).reply.text

    watched = _Watched(today.protocol, recorded)
    talk = Talk(
        id=recorded.id,
        root=recorded.root,
        question=today.plan.seed,
        seats=today.plan.seats,
        protocol=watched,
        on_turn=on_turn,
        turns=turns,
        asker=asker,
    )
    client = LedgerChatCompletionClient(ledger, purpose="utterance", sampling=today.sampling, seed=seed)
    try:
        await hold_talk(talk, client=client)
    except ProtocolError as error:
        raise watched.diverged or error from None


class _Watched:
    """A protocol whose choice of speaker and of the end is held to the recorded talk."""

    def __init__(self, protocol: TurnProtocol, recorded: Transcript) -> None:
        self.__wrapped__ = protocol  # whose file errors name
        self._recorded = recorded
        self.diverged: _DivergedError | None = None

    async def next_cue(self, scene: Scene) -> Cue | None:
        """Ask the real one; whispers are compared later, in the prompt."""
        number, said = len(scene.turns), self._recorded.turns
        if number == len(said) and self._recorded.status != "complete":
            return None  # the recorded talk is not over: nothing says how it goes on
        answer = self.__wrapped__.next_cue(scene)
        cue = answer if answer is None or isinstance(answer, Cue) else await answer
        if not isinstance(cue, Cue | None):
            return cue
        speaker, what = cue.speaker.id if cue else None, None
        if number == len(said):
            if cue is not None:
                what = f"{speaker} is cued, and the recorded talk is over"
        elif cue is None:
            what = f"the talk is over, and the recorded one has {len(said)} turns"
        elif speaker != said[number].speaker:
            what = f"{speaker} is cued, and the recorded speaker is {said[number].speaker}"
        if what is not None:
            self.diverged = _DivergedError(Divergence(turn=number, what=what), CUED)
            raise self.diverged
        return cue


def _compare(recorded: Turn, turn: Turn) -> None:
    """The prompt was the same, so was the reply; what was made of it may not be."""
    if turn.request == recorded.request and turn.text == recorded.text and turn.flags == recorded.flags:
        return
    if turn.request != recorded.request:
        what = "another draw of the same prompt is kept"
    elif turn.text != recorded.text:
        what = "another text is cut from the same reply"
    else:
        what = (
            f"the turn checks say {' '.join(turn.flags) or 'nothing'}, and said {' '.join(recorded.flags) or 'nothing'}"
        )
    diff = _diff(recorded.text, turn.text)
    raise _DivergedError(Divergence(turn=turn.index, what=what, diff=diff), CHECKED)


def _missed(store: Store, recorded: Transcript, today: Rebuilt, number: int, request: Request) -> _DivergedError:
    """No reply is committed to a request: compare it with the one that the recorded turn answered."""
    if request.purpose != "utterance":
        what = "the protocol asks a model what it did not ask before"
        return _DivergedError(
            Divergence(turn=number, what=what, diff=tuple(request.messages[-1].content.splitlines())), CUED
        )
    kept = _reply(store, recorded.turns[number])
    if kept is None:
        return _DivergedError(Divergence(turn=number, what="the ledger lost the recorded reply"), ("code",))
    sent = other_draw(store, kept, request.draw)
    if sent is None:
        return _DivergedError(
            Divergence(turn=number, what="the turn checks ask once more, and did not before"), CHECKED
        )
    if (place := _first_difference(sent.request.messages, request.messages)) is not None:
        return _prompt_differs(number, place, sent.request.messages, request.messages)
    if sent.identity != today.plan.model:
        return _DivergedError(Divergence(turn=number, what="the prompt is the same, the model is another"), ("model",))
    settings = differences(_settings(sent.request), _settings(request), at="")
    what = "the prompt is the same, its settings differ: " + "; ".join(
        f"{at} {was} -> {now}" for at, was, now in settings
    )
    return _DivergedError(Divergence(turn=number, what=what), DRAWN)


def _prompt_differs(number: int, place: int, was: Sequence[Message], now: Sequence[Message]) -> _DivergedError:
    old = was[place].content if place < len(was) else ""
    new = now[place].content if place < len(now) else ""
    role = (was if place < len(was) else now)[place].role
    line = next(
        (
            at
            for at, (one, other) in enumerate(zip(old.splitlines(), new.splitlines(), strict=False), start=1)
            if one != other
        ),
        min(len(old.splitlines()), len(new.splitlines())) + 1,
    )
    what = f"message {place} ({role}) of the prompt, line {line} differs"
    divergence = Divergence(turn=number, what=what, message=place, role=role, line=line, diff=_diff(old, new))
    return _DivergedError(divergence, TOLD if place < len(now) - 1 else ASKED)


def _first_difference(was: Sequence[Message], now: Sequence[Message]) -> int | None:
    for place, (one, other) in enumerate(zip(was, now, strict=False)):
        if one != other:
            return place
    return None if len(was) == len(now) else min(len(was), len(now))


def _diff(was: str, now: str) -> tuple[str, ...]:
    lines = difflib.unified_diff(was.splitlines(), now.splitlines(), "recorded", "today", lineterm="", n=CONTEXT_LINES)
    return tuple(lines)


def _reply(store: Store, turn: Turn) -> Committed | None:
    return committed(store, turn.request) if turn.request else None


def _sampling(reply: Committed) -> Sampling:
    """How the talk was sampled, without the stop that every utterance has."""
    sampling = reply.request.sampling
    return sampling.model_copy(update={"stop": sampling.stop[:-1]})


def _settings(request: Request) -> dict[str, object]:
    return request.model_dump(mode="json", exclude={"messages"})
