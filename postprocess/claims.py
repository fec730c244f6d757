"""What a stance claims, said so that a small judge understands it: the side of the scale without its strength.

"Ananya is certain that making one's parents proud is one of the main goals in life" is judged worse than the bare claim
"making one's parents proud is one of the main goals in life": how strongly somebody holds a view is not what decides
whether an opinion says the same, and a judge takes a strong word for a condition.
"""

import re

from culturepark.personas.question import Question, Side
from culturepark.personas.stance import Stance

_ASSERTS = re.compile(
    r"(?!neither )(?:is (?:certain|convinced|sure)|believes|thinks|says"
    r"|(?:\w+ )?agrees(?: \w+){0,2}|leans [\w ]*towards the view) that "
)
"""Beginnings of a stance's words after which stands what is held to be true, and nothing else."""
_DENIES = re.compile(r"(?!neither )(?:(?:\w+ )?disagrees(?: \w+){0,2}|leans [\w ]*against the view) that ")
"""Beginnings after which stands what is held not to be true."""
_STRENGTH = re.compile(r" probably\b|(?: very| fairly| quite)? often$| at all$")
"""How strongly or how often something is held to be so, in the words of the shipped scales."""
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
    if (asserted := _ASSERTS.match(words)) is not None:
        return _STRENGTH.sub("", words[asserted.end() :])
    if (denied := _DENIES.match(words)) is not None:
        return f"it is not true that {words[denied.end() :]}"
    return f"{WHOEVER}{words}"


def belief(question: Question, stance: Stance) -> str:
    """A stance as its holder says it: in the language they speak where it was told to them in it, else in English."""
    if stance.told is not None:
        return stance.told
    held = claim(question, stance.side)
    return f"I believe that {held}." if not held.startswith(WHOEVER) else f"{held}."
