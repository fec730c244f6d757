"""Pairs of a stance and an opinion whose verdict is known from a survey's scale: gold for measuring a judge.

A stance has code a, an opinion states code b of the same question, and the sides of the two codes say what is right.
Opinions come in two kinds: the scale's own claims in other words than the calibration's, and texts of our own
(`opinions.yaml`) in which no wording of a scale stands. Only wordings are read, never answers.
"""

import random
from pathlib import Path
from typing import NamedTuple

from culturepark.personas.question import Question, Side
from culturepark.personas.stance import Stance
from culturepark.personas.surveys.survey import load_survey
from culturepark.postprocess.claims import claim, sides
from culturepark.postprocess.opinion import Verdict
from culturepark.postprocess.verify import verdict_of
from culturepark.runtime.record import read_yaml

OWN_WORDS = Path(__file__).with_name("opinions.yaml")
FIRMLY = ("For me there is no doubt that {}.", "Where I grew up we know that {}.", "I have always held that {}.")
MILDLY = ("In my view, {}.", "I would say that {}.", "As far as I can see, {}.")
BETWEEN = (
    "I stand in the middle on whether {}; both sides have a point.",
    "Some days I think that {}, other days not.",
)
UNSURE = ("I find it hard to say whether {}.", "I honestly do not know whether {}.")


class SurveyPair(NamedTuple):
    """An opinion, the stance it is held against, and what is right."""

    text: str
    stance: Stance
    question: Question
    verdict: Verdict


def scale_pairs(split: str, *, seed: int = 20240515) -> list[SurveyPair]:
    """All pairs of codes of the questions of a split, as many of each verdict; a third of the irrelevant elsewhere."""
    rng = random.Random(seed)
    questions = [one for one in load_survey("wvs7").questions.values() if one.split == split]
    found: dict[Verdict, list[SurveyPair]] = {"entail": [], "contradict": [], "irrelevant": []}
    for question in questions:
        codes = question.scale.codes
        for held in codes:
            for said in codes:
                verdict = verdict_of(question.scale.side(said), question.scale.side(held))
                found[verdict].append(
                    SurveyPair(_stated(question, said, rng), _stance(question, held), question, verdict)
                )
            other = rng.choice([one for one in questions if one is not question])
            text = _stated(other, rng.choice(other.scale.codes), rng)
            found["irrelevant"].append(SurveyPair(text, _stance(question, held), question, "irrelevant"))
    return _balanced(found, rng)


def own_word_pairs(*, seed: int = 20240515) -> list[SurveyPair]:
    """Pairs from `opinions.yaml`: the sides against each other, asides, and what others say of something else."""
    rng = random.Random(seed)
    survey = load_survey("wvs7")
    texts: dict[str, dict[str, str]] = read_yaml(OWN_WORDS)
    found: dict[Verdict, list[SurveyPair]] = {"entail": [], "contradict": [], "irrelevant": []}
    for item, said in texts.items():
        question = survey.question(item)
        other = rng.choice([one for one in texts if one != item])
        for side in ("below", "above"):
            stance = _stance(question, _strongest(question, side))
            found["entail"].append(SurveyPair(said[side], stance, question, "entail"))
            against = said["above" if side == "below" else "below"]
            found["contradict"].append(SurveyPair(against, stance, question, "contradict"))
            aside = said["aside"] if side == "below" else texts[other][rng.choice(("below", "above"))]
            found["irrelevant"].append(SurveyPair(aside, stance, question, "irrelevant"))
    return _balanced(found, rng)


def _balanced(found: dict[Verdict, list[SurveyPair]], rng: random.Random) -> list[SurveyPair]:
    """As many of each verdict as there are of the rarest, shuffled."""
    least = min(map(len, found.values()))
    pairs = [pair for group in found.values() for pair in rng.sample(group, least)]
    rng.shuffle(pairs)
    return pairs


def _stated(question: Question, code: int, rng: random.Random) -> str:
    """An opinion that states a code: firmly at the ends of the scale, else mildly."""
    side = question.scale.side(code)
    held = claim(question, side if side in {"below", "above"} else _claiming(question))
    if side == "mid":
        return rng.choice(BETWEEN).format(held)
    if side == "unsure":
        return rng.choice(UNSURE).format(held)
    return rng.choice(FIRMLY if code in {question.scale.codes[0], question.scale.codes[-1]} else MILDLY).format(held)


def _claiming(question: Question) -> Side:
    """The side of a question that its "neither" and "hard to say" speak of: the one that is not a denial."""
    undecided = next(
        question.words[code] for code in question.scale.codes if question.scale.side(code) in {"mid", "unsure"}
    )
    return next(side for side in sides(question) if undecided.endswith(claim(question, side)))


def _strongest(question: Question, side: Side) -> int:
    codes = [code for code in question.scale.codes if question.scale.side(code) == side]
    return max(codes, key=lambda code: abs(code - question.scale.midpoint))


def _stance(question: Question, code: int) -> Stance:
    """A stance for judging: who holds it, and how many, play no part."""
    return Stance(
        question=question.id,
        code=code,
        words=question.words[code],
        side=question.scale.side(code),
        share=1,
        n=None,
        weighted=False,
        country="USA",
        chosen="given",
    )
