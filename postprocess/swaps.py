"""One word in the place of another: two sentences that are alike but for one word of content are seldom one opinion.

Lists of opposites and customs end somewhere; this does not. "My mother puts cardamom in the coffee" and "… saffron …"
are nearer to each other, for any embedder, than two ways of saying the same. Sentences that are put differently
throughout are left to their vectors.
"""

import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple, cast

import regex

from culturepark.personas.language import primary
from culturepark.postprocess.near_text import lowered
from culturepark.runtime.record import parse_yaml

HAN = "zh"
LONGEST = {HAN: 2}
"""Words that a swap takes the place of: one, or two characters of Chinese."""
STEM = 4
"""Words with so many first letters in common are forms of one word; so are shorter ones that share more than half."""
WORD = regex.compile(r"\w+(?:['’]\w+)?")
_CHARACTER = regex.compile(r"\p{Han}|[\w--\p{Han}]+", regex.V1)
_CLITICS = regex.compile(r"^[وف]?[بكل]?(?:ال|ل)?(?=\w{3})")


class Swap(NamedTuple):
    """The words that stand in each other's place."""

    one: str
    other: str


def swapped(one: str, other: str, language: str) -> Swap | None:
    """The only content words in which two sentences differ, each in the place of the other; None if there is more.

    Words that only hold a sentence together do not count, and neither do other forms of the same word.
    """
    key = primary(language)
    mine, theirs = _content(one, key), _content(other, key)
    steps = SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes()
    apart = [
        (mine[a:b], theirs[c:d])
        for step, a, b, c, d in steps
        if step != "equal" and not (key != HAN and b - a == d - c == 1 and _forms_of_one(mine[a], theirs[c]))
    ]
    common = any(step == "equal" for step, *_ in steps)
    if len(apart) != 1 or not common:
        return None
    here, there = apart[0]
    longest = LONGEST.get(key, 1)
    if not 1 <= len(here) <= longest or not 1 <= len(there) <= longest:
        return None
    between = "" if key == HAN else " "
    return Swap(between.join(here), between.join(there))


def _forms_of_one(one: str, other: str) -> bool:
    shorter = min(len(one), len(other))
    common = next((place for place in range(shorter) if one[place] != other[place]), shorter)
    return common >= STEM or (common >= 2 and 2 * common > shorter)


@lru_cache(maxsize=4096)
def _content(text: str, language: str) -> tuple[str, ...]:
    text = lowered(unicodedata.normalize("NFC", text), language)
    words = (_CHARACTER if language == HAN else WORD).findall(text)
    if language == "ar":
        words = [_CLITICS.sub("", word) for word in words]
    return tuple(word for word in words if word not in _function_words(language))


@lru_cache(maxsize=16)
def _function_words(language: str) -> frozenset[str]:
    text = (files(__package__) / "function_words.yaml").read_text(encoding="utf-8")
    table = cast("dict[str, list[str]]", parse_yaml(unicodedata.normalize("NFC", text), place="function_words.yaml"))
    return frozenset(table.get(language, ()))
