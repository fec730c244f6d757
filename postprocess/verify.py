"""Does an opinion say what its speaker's stance says? The judge is asked about each side of the scale.

One request a side: does the text imply what people on that side hold? The supports of all sides are weighed against
each other and against saying nothing, so a judge that finds everything likely, or nothing, is not misled. Half as many
requests, one for the stance alone, are wrong far more often: see `docs/refinement.md`.
"""

import asyncio
import math
from collections.abc import Mapping
from typing import NamedTuple

from culturepark.personas.question import Question, Side
from culturepark.personas.stance import Stance
from culturepark.postprocess.claims import WHOEVER, claim, sides
from culturepark.postprocess.judge import Judge, SideWeights, likeliest
from culturepark.postprocess.opinion import DropReason, Opinion, SecondVerdict, Verdict

UNDECIDED: frozenset[Side] = frozenset({"mid", "unsure"})


class StanceJudgement(NamedTuple):
    """What a text says about a stance."""

    verdict: Verdict | None
    confidence: dict[Verdict, float] | None
    keys: tuple[str, ...]
    """Ledger keys of the replies."""


async def judge_opinion(judge: Judge, opinion: Opinion, question: Question) -> Opinion:
    """Hold an opinion against its own speaker's stance; only one that says the same is kept.

    Raises:
        ModelError: When the endpoint gives no reply.
    """
    if opinion.stance is None:
        return opinion.model_copy(update={"dropped": "no_stance"})
    judged = await judge_text(judge, opinion.text, opinion.stance, question)
    dropped: DropReason | None = judged.verdict if judged.verdict in {"contradict", "irrelevant"} else None
    return opinion.model_copy(
        update={
            "verdict": judged.verdict,
            "confidence": judged.confidence,
            "dropped": "judge_failed" if judged.verdict is None else dropped,
            "requests": (*opinion.requests, *judged.keys),
        }
    )


async def judge_again(judge: Judge, opinion: Opinion, question: Question) -> Opinion:
    """Keep what another judge says of the text that was judged; nothing else about the opinion changes.

    Raises:
        ModelError: When the endpoint gives no reply.
    """
    assert opinion.stance is not None
    judged = await judge_text(judge, opinion.judged_text, opinion.stance, question)
    second = SecondVerdict(judge=judge.identity, verdict=judged.verdict, confidence=judged.confidence)
    return opinion.model_copy(update={"second": second, "requests": (*opinion.requests, *judged.keys)})


async def judge_text(judge: Judge, text: str, stance: Stance, question: Question) -> StanceJudgement:
    """Judge a text against a stance.

    `contradict` is a text on the other side, or on any side where the stance is on none. A text that stays undecided
    where the stance is on a side neither says it nor excludes it: `irrelevant`, as is one about something else.

    Raises:
        ModelError: When the endpoint gives no reply.
    """
    if not question.scale.ordinal:
        # Answers without an order have no sides: only the stance's own can be asked about.
        one = await judge.implies(text, f"{WHOEVER}{stance.words}")
        return StanceJudgement(one.verdict, one.confidence, (one.key,))
    claims = {side: claim(question, side) for side in sides(question)}
    judged = await asyncio.gather(*(judge.implies(text, held) for held in claims.values()))
    keys = tuple(one.key for one in judged)
    by_side = dict(zip(claims, judged, strict=True))
    supports = {side: one.support for side, one in by_side.items() if one.support is not None}
    if judge.calibration.sides is not None and len(supports) == len(claims):
        confidence = weighed(side_probabilities(supports, judge.calibration.sides), stance.side)
        return StanceJudgement(likeliest(confidence), confidence, keys)
    return StanceJudgement(counted({side: one.verdict for side, one in by_side.items()}, stance.side), None, keys)


def side_probabilities(supports: Mapping[Side, float], weights: SideWeights) -> dict[Side | None, float]:
    """Probability that a text is on each side of a scale, and under None that it is on none."""
    scores: dict[Side | None, float] = {
        side: weights.scale * support + (weights.undecided if side in UNDECIDED else 0.0)
        for side, support in supports.items()
    }
    scores[None] = weights.nothing
    top = max(scores.values())
    parts = {side: math.exp(score - top) for side, score in scores.items()}
    total = sum(parts.values())
    return {side: part / total for side, part in parts.items()}


def weighed(probabilities: Mapping[Side | None, float], own: Side) -> dict[Verdict, float]:
    """Probability of each verdict on a stance, given those of the sides that the text may be on."""
    found: dict[Verdict, float] = {"entail": 0.0, "contradict": 0.0, "irrelevant": 0.0}
    for said, probability in probabilities.items():
        found[verdict_of(said, own)] += probability
    return found


def verdict_of(said: Side | None, own: Side) -> Verdict:
    """What a text on a side, or on none, says about a stance."""
    if said == own:
        return "entail"
    if said is None or said in UNDECIDED:
        return "irrelevant"
    return "contradict"


def counted(verdicts: Mapping[Side, Verdict | None], own: Side) -> Verdict | None:
    """The verdict by closed labels alone; None where the judge failed, or says that several sides follow."""
    if any(verdict is None for verdict in verdicts.values()):
        return None
    said = [side for side, verdict in verdicts.items() if verdict == "entail"]
    if len(said) > 1:
        return None
    if said:
        return verdict_of(said[0], own)
    return "contradict" if verdicts[own] == "contradict" else "irrelevant"
