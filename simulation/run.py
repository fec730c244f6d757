"""Hold planned talks: concurrent, resumable at every turn, one talk's failure is its own."""

from collections.abc import Sequence
from typing import NamedTuple

from culturepark.protocols.base import TurnProtocol
from culturepark.protocols.catalogue import LoadedProtocol
from culturepark.protocols.cueing import ProtocolError
from culturepark.protocols.turn import Turn
from culturepark.runtime.engines import LOCAL, Engine
from culturepark.runtime.errors import ModelError
from culturepark.runtime.hashing import seed_from
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.autogen_client import LedgerChatCompletionClient
from culturepark.runtime.progress import Reporter
from culturepark.runtime.request import Message, Request, Sampling
from culturepark.runtime.store import Store
from culturepark.simulation.group_chat import Talk, hold_talk
from culturepark.simulation.talks import failures, load_transcripts, save_turn, set_status, unfinished
from culturepark.simulation.transcript import Transcript


class Simulated(NamedTuple):
    """How the planned talks stand."""

    complete: int
    failed: tuple[tuple[str, str], ...]
    """Talk id and reason."""


async def simulate(
    store: Store,
    ledger: Ledger,
    talks: Sequence[str],
    protocol: LoadedProtocol,
    *,
    sampling: Sampling,
    concurrency: int,
    progress: Reporter,
    engine: Engine = LOCAL,
) -> Simulated:
    """Hold every one of these talks, planned in the store, that is not complete: on from its last committed turn.

    Raises:
        BudgetSpentError: When the budget ended the run; committed turns stay.
        EndpointDownError: When the endpoint cannot be used at all.
    """
    todo = unfinished(store, talks)
    progress.start("talks", total=len(talks), done=len(talks) - len(todo))

    async def hold(talk_id: str) -> None:
        (transcript,) = load_transcripts(store, ids=[talk_id])
        try:
            await _hold(store, ledger, transcript, protocol.protocol, sampling)
        except (ModelError, ProtocolError) as error:
            await set_status(store, talk_id, "failed", str(error))
        else:
            await set_status(store, talk_id, "complete")

    await engine.map(hold, todo, concurrency=concurrency, done=lambda _talk, _nothing: progress.advance())
    wanted = set(talks)
    failed = tuple((talk, reason) for talk, reason in failures(store) if talk in wanted)
    return Simulated(len(talks) - len(failed), failed)


def request_seed(transcript: Transcript) -> int:
    """Seed of a talk's requests; a fork draws as its root did, so what it did not change comes out the same."""
    return seed_from(transcript.root) & 0x7FFFFFFF


async def _hold(
    store: Store, ledger: Ledger, transcript: Transcript, protocol: TurnProtocol, sampling: Sampling
) -> None:
    seed = request_seed(transcript)
    flagged = sum(bool(turn.flags) for turn in transcript.turns)

    async def on_turn(turn: Turn) -> None:
        nonlocal flagged
        flagged += bool(turn.flags)
        await save_turn(store, transcript.id, turn, flagged=flagged)

    async def asker(prompt: str) -> str:
        request = Request(
            messages=(Message(role="user", content=prompt),), purpose="protocol_ask", sampling=sampling, seed=seed
        )
        return (await ledger.complete(request)).reply.text

    talk = Talk(
        id=transcript.id,
        root=transcript.root,
        question=transcript.seed,
        seats=transcript.seats,
        protocol=protocol,
        on_turn=on_turn,
        turns=list(transcript.turns),
        asker=asker,
    )
    client = LedgerChatCompletionClient(ledger, purpose="utterance", sampling=sampling, seed=seed)
    await hold_talk(talk, client=client)
