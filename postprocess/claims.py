"""What a stance claims, said so that a small judge understands it: the side of the scale without its strength.

"Ananya is certain that making one's parents proud is one of the main goals in life" is judged worse than the bare claim
"making one's parents proud is one of the main goals in life": how strongly somebody holds a view is not what decides
whether an opinion says the same, and a judge takes a strong word for a condition.
"""

import re

from culturepark.personas.question import Question, Side
from culturepark.personas.stance import Stance

_ASSERTS = re.compile(r"(?:is certain|is convinced|is sure|believes|thinks|says) that ")
"""Beginnings of a stance's words after which stands what is held to be true, and nothing else."""
WHOEVER = "this person "


def sides(question: Question) -> tuple[Side, ...]:
    """The sides that a question's scale has, in the order of its codes."""
    return tuple(dict.fromkeys(question.scale.side(code) for code in question.scale.codes))


def mildest(question: Question, side: Side) -> int:
    """The code of a side that claims least: the one nearest to the middle of the scale."""
    codes = [code for code in question.scale.codes if question.scale.side(code) == side]
    return min(codes, key=lambda code: abs(code - question.scale.midpoint))


def claim(question: Question, side: Side) -> str:
    """What people on a side hold: a clause that may be true, or else a sentence about whoever holds it."""
    words = question.words[mildest(question, side)]
    asserted = _ASSERTS.match(words)
    return words[asserted.end() :] if asserted else f"{WHOEVER}{words}"


def belief(question: Question, stance: Stance) -> str:
    """A stance as its holder says it: in the language they speak where it was told to them in it, else in English."""
    if stance.told is not None:
        return stance.told
    held = claim(question, stance.side)
    return f"I believe that {held}." if not held.startswith(WHOEVER) else f"{held}."
