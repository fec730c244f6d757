"""A scripted judge: it is right about the statements that judges are fitted on, and chance decides the rest."""

import re
from functools import lru_cache

from culturepark.personas.question import Side
from culturepark.personas.surveys.survey import load_survey
from culturepark.postprocess.calibration import examples
from culturepark.postprocess.claims import claim, sides
from culturepark.postprocess.fence import quoted
from culturepark.postprocess.opinion import Verdict
from culturepark.postprocess.verify import verdict_of
from culturepark.runtime.hashing import sha256

LABELS = {"entail": "Yes", "contradict": "No", "irrelevant": "Maybe"}
_PAIR = re.compile(r'"(.*)" Question: does this imply that "(.*)"\? Answer Yes, No or Maybe\.')


def asked_pair(text: str) -> tuple[str, str] | None:
    """Premise and hypothesis of a request to a judge; None for any other text."""
    found = _PAIR.fullmatch(text)
    return None if found is None else (found[1], found[2])


def implies(premise: str, hypothesis: str) -> Verdict:
    """Find most texts on one side of a scale, some on none, and two thirds of other pairs to say the same."""
    if (right := _calibration().get((premise, hypothesis))) is not None:
        return right
    if (side := _sides().get(hypothesis)) is not None:
        said = ("below", "above", "below", "above", "none")[int(sha256(premise), 16) % 5]
        return "irrelevant" if said == "none" else "entail" if side == said else "contradict"
    return "entail" if int(sha256([premise, hypothesis]), 16) % 3 else "irrelevant"


def right_about_statements(premise: str, hypothesis: str) -> Verdict | None:
    """The verdict on a statement that judges are fitted on; None for any other."""
    return _calibration().get((premise, hypothesis))


def _said(text: str) -> str:
    """A text as it stands in a prompt."""
    return quoted(text)[1:-1]


@lru_cache(maxsize=1)
def _calibration() -> dict[tuple[str, str], Verdict]:
    return {
        (_said(one.text), _said(claim(one.question, side))): (
            "irrelevant" if one.said in {None, "mid"} and side != one.said else verdict_of(one.said, side)
        )
        for one in examples()
        for side in sides(one.question)
    }


@lru_cache(maxsize=1)
def _sides() -> dict[str, Side]:
    """Claims of all questions with the side that holds them."""
    return {
        _said(claim(question, side)): side
        for question in load_survey("wvs7").questions.values()
        for side in sides(question)
    }
