"""Turn checks: what code can tell about an utterance without asking a model."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import cast

from culturepark.personas.language import primary
from culturepark.protocols.turn import Flag
from culturepark.runtime.record import parse_yaml
from culturepark.simulation.identify import is_in

ROLE_BREAK = re.compile(
    r"\b(as an? (ai|artificial|language model|assistant)|i('m| am) (an? )?(ai|language model|chatbot|virtual assistant)"
    r"|i('m| am) sorry, (but )?i (don't|do not|can't|cannot)|general information"
    r"|provide (me with )?more (context|information)|clarify your question|how (can|may) i (help|assist)"
    r"|direction for|two short sentences|in the first person|language model|as requested"
    r"|here('s| is) (the|a) (next )?line|the moderator|in a whisper|openai|alibaba)\b",
    re.IGNORECASE,
)
NEAR_COPY = 0.3
"""Share of an utterance's runs of letters found in an earlier one, from which it counts as a copy."""
SHINGLE = (20, 8)
"""Length of a run in alphabetic scripts, and in those where a letter is a word or a syllable (Chinese, Korean)."""
FIRST_SYLLABIC = "\u2e80"
OPENING_QUOTES = '"“«„「『'
ANY_QUOTES = '"“”«»„‟「」『』'
CLOSING_QUOTES = '"”»“」』'
# A full stop inside a number or after a title ends no sentence.
SENTENCE_END = re.compile(r"(?:[!?…。！？؟۔।]|(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bSt)(?<!\bMrs)\.(?!\d))[\"'”“’»)\]」』]*")


def tidy(reply: str, *, name: str, others: Sequence[str]) -> str:
    """Cut what is not speech: labels, stage directions, quote marks around it, another's part, a half sentence.

    Args:
        reply: As the model wrote it.
        name: The speaker's display name.
        others: Names of the other seats: what follows one of their labels is theirs.
    """
    text = reply.strip()
    for label in (name, *others):
        text = re.sub(rf"^[\[(*]*\s*{re.escape(label)}\s*[\])*]*\s*[:：]\s*[*]*\s*", "", text).strip("*")
    for other in (*others, name):
        text = re.split(rf"\n\s*[*\[]*{re.escape(other)}\s*[*\]]*\s*[:：]", text, maxsplit=1)[0]
    text = re.split(r"\n\s*\[", text, maxsplit=1)[0].strip()
    text = re.sub(r"^(\[[^\]]*\]|\([^)]*\)|（[^）]*）|【[^】]*】)\s*(?=\w)", "", text)
    if len(text) > 1 and text[0] in OPENING_QUOTES and not any(mark in text[1:-1] for mark in ANY_QUOTES):
        text = text[1:].rstrip(CLOSING_QUOTES).strip()
    if ends := list(SENTENCE_END.finditer(text)):
        text = text[: ends[-1].end()]
    return " ".join(text.split())


def flags(
    text: str, *, said: Sequence[tuple[str, str]], speaker: str, name: str, language: str, cut: bool
) -> tuple[Flag, ...]:
    """Name what is wrong with an utterance.

    Args:
        text: The tidied utterance.
        said: `(speaker, text)` of every earlier utterance.
        speaker: Who says this one: a copy of oneself is a repetition, of another a parrot.
        name: The speaker's display name.
        language: BCP 47 of what this speaker speaks.
        cut: Whether the reply ran into the token limit.
    """
    if not any(char.isalnum() for char in text):
        return ("empty",)
    found: list[Flag] = []
    if _breaks_role(text, language) or re.search(rf"\b{re.escape(name)}\b", text):
        # A character who speaks of herself by name has become the narrator.
        found.append("role_break")
    if any(who != speaker and copies(text, other) for who, other in said):
        found.append("parrot")
    if any(who == speaker and copies(text, other) for who, other in said):
        found.append("repetition")
    if not is_in(text, language):
        found.append("wrong_language")
    if cut and not SENTENCE_END.search(text):
        found.append("truncated")
    return tuple(found)


def copies(text: str, earlier: str) -> bool:
    """Whether most of `text` was already said, word for word, in `earlier`."""
    own, known = _shingles(text), _shingles(earlier)
    return bool(own) and len(own & known) / len(own) >= NEAR_COPY


@lru_cache(maxsize=20_000)  # each utterance is compared with every later one of its talk
def _shingles(text: str) -> frozenset[str]:
    """Every run of letters as long as about five words, spaces left out: small models lose some when they copy."""
    letters = "".join(char for char in text.casefold() if char.isalnum())
    syllabic = sum(char >= FIRST_SYLLABIC for char in letters) > len(letters) / 2
    size = min(SHINGLE[syllabic], len(letters))
    return frozenset(letters[start : start + size] for start in range(len(letters) - size + 1)) if size else frozenset()


def _breaks_role(text: str, language: str) -> bool:
    """English is looked for in every talk: models fall back on it to say that they are models."""
    if ROLE_BREAK.search(text):
        return True
    # Lower case of the Turkish İ is an i with a dot of its own above it.
    lower = text.casefold().replace("i\u0307", "i")
    return any(phrase in lower for phrase in _role_breaks().get(primary(language), ()))


@lru_cache(maxsize=1)
def _role_breaks() -> Mapping[str, Sequence[str]]:
    text = (files(__package__) / "role_breaks.yaml").read_text(encoding="utf-8")
    return cast("Mapping[str, Sequence[str]]", parse_yaml(text, place="role_breaks.yaml"))
