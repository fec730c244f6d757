"""Send a talk's recorded prompts again, and see how far today's endpoint has moved from the replies it gave."""

import tempfile
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

from culturepark.runtime.budget import Budget, BudgetSettings
from culturepark.runtime.committed import Committed, committed
from culturepark.runtime.engines.local import run_bounded
from culturepark.runtime.ledger import Ledger, Tally, spent_before
from culturepark.runtime.pacing import LimitSettings
from culturepark.runtime.progress import Reporter
from culturepark.runtime.record import Record
from culturepark.runtime.request import Model
from culturepark.runtime.store import Store, open_store
from culturepark.simulation.transcript import Transcript


class LiveTurn(Record):
    """One recorded prompt, answered again."""

    talk: str
    turn: int
    speaker: str
    identical: bool
    similarity: float
    """Of the two replies as character sequences, in [0, 1] (`difflib`: twice the matching over all characters)."""
    recorded: str
    today: str


class Moved(Record):
    """How far an endpoint has moved."""

    model: str
    """Identity of the model asked today."""
    identical: float | None
    """Share of replies that are the same to the letter; None when no recorded prompt was found."""
    similarity: float | None
    """Mean similarity."""
    left_out: int
    """Turns whose prompt is not in the run's ledger: edited and imported ones."""
    turns: tuple[LiveTurn, ...]


async def ask_again(
    store: Store,
    talks: Sequence[Transcript],
    endpoint: Model,
    *,
    budget: BudgetSettings,
    limits: LimitSettings,
    concurrency: int,
    tally: Tally,
    progress: Reporter,
) -> Moved:
    """Send every own turn's recorded prompt once more.

    Live replies go through a ledger of their own in a temporary folder, so they are counted, paced and retried like
    any others and never stand beside the committed ones. The run's budget holds for both together.

    Raises:
        BudgetSpentError: When the budget does not suffice.
        EndpointDownError: When the endpoint cannot be used at all.
        ModelError: When it gives no reply.
    """
    found = [
        (talk, turn, committed(store, turn.request) if turn.request else None)
        for talk in talks
        for turn in talk.turns[talk.own_from :]
    ]
    asked = [(talk.id, turn.index, turn.speaker, reply) for talk, turn, reply in found if reply is not None]
    turns: dict[tuple[str, int], LiveTurn] = {}
    progress.start("prompts", total=len(asked))
    with tempfile.TemporaryDirectory(prefix="culturepark-live-") as folder:
        aside = open_store(Path(folder))
        ledger = Ledger(aside, endpoint, budget=Budget(budget, spent=spent_before(store)), limits=limits, tally=tally)

        async def ask(item: tuple[str, int, str, Committed]) -> None:
            talk, turn, speaker, reply = item
            text = (await ledger.complete(reply.request)).reply.text
            turns[talk, turn] = _live_turn(talk, turn, speaker, reply.reply.text, text)
            progress.advance()

        try:
            await run_bounded(asked, ask, concurrency=concurrency)
        finally:
            aside.close()
    answered = [turns[talk, turn] for talk, turn, _, _ in asked]
    return Moved(
        model=endpoint.identity,
        identical=_mean([float(turn.identical) for turn in answered]),
        similarity=_mean([turn.similarity for turn in answered]),
        left_out=len(found) - len(asked),
        turns=tuple(answered),
    )


def _live_turn(talk: str, turn: int, speaker: str, recorded: str, today: str) -> LiveTurn:
    similarity = SequenceMatcher(None, recorded, today, autojunk=False).ratio()
    return LiveTurn(
        talk=talk,
        turn=turn,
        speaker=speaker,
        identical=recorded == today,
        similarity=round(similarity, 4),
        recorded=recorded,
        today=today,
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
