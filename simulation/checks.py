"""Turn checks: what code can tell about an utterance without asking a model."""

import re
import unicodedata
from collections.abc import Sequence

from culturepark.protocols.turn import Flag

ROLE_BREAK = re.compile(
    r"\b(as an? (ai|artificial|language model|assistant)|i('m| am) (an? )?(ai|language model|chatbot|virtual assistant)"
    r"|i('m| am) sorry, (but )?i (don't|do not|can't|cannot)|general information"
    r"|provide (me with )?more (context|information)|clarify your question|how (can|may) i (help|assist)"
    r"|direction for|two short sentences|in the first person|language model|as requested"
    r"|here('s| is) (the|a) (next )?line|the moderator|in a whisper|openai|alibaba)\b",
    re.IGNORECASE,
)
NEAR_COPY = 0.4
"""Share of an utterance's runs of letters found in an earlier one, from which it counts as a copy."""
SHINGLE = (20, 8)
"""Length of a run in alphabetic scripts, and in those where a letter is a word or a syllable (Chinese, Korean)."""
FIRST_SYLLABIC = "\u2e80"
SCRIPTS = {"en": "LATIN", "de": "LATIN", "es": "LATIN", "pt": "LATIN", "tr": "LATIN", "ar": "ARABIC",
           "bn": "BENGALI", "zh": "CJK", "ko": "HANGUL"}  # fmt: skip
OWN_SCRIPT_FROM = 0.6
CLOSERS = "\"'”’»)]」』"
# A full stop inside a number or after a title ends no sentence.
SENTENCE_END = re.compile(r"(?:[!?…。！？؟۔।]|(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bSt)(?<!\bMrs)\.(?!\d))[\"'”’»)\]」』]*")


def tidy(reply: str, *, name: str, others: Sequence[str]) -> str:
    """Cut what is not speech: labels, stage directions, quote marks around it, another's part, a half sentence.

    Args:
        reply: As the model wrote it.
        name: The speaker's display name.
        others: Names of the other seats: what follows one of their labels is theirs.
    """
    text = reply.strip()
    for label in (name, *others):
        text = re.sub(rf"^[\[(*]*\s*{re.escape(label)}\s*[\])*]*\s*:\s*[*]*\s*", "", text).strip("*")
    for other in (*others, name):
        text = re.split(rf"\n\s*[*\[]*{re.escape(other)}\s*[*\]]*\s*:", text, maxsplit=1)[0]
    text = re.split(r"\n\s*\[", text, maxsplit=1)[0].strip()
    text = re.sub(r"^(\[[^\]]*\]|\([^)]*\))\s*(?=\w)", "", text)
    if len(text) > 1 and text[0] in '"“«' and not any(mark in text[1:-1] for mark in '"“”«»'):
        text = text[1:].rstrip('"”»').strip()
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
        language: BCP 47 of the talk; only the script is looked at.
        cut: Whether the reply ran into the token limit.
    """
    if not any(char.isalnum() for char in text):
        return ("empty",)
    found: list[Flag] = []
    if ROLE_BREAK.search(text) or re.search(rf"\b{re.escape(name)}\b", text):
        # A character who speaks of herself by name has become the narrator.
        found.append("role_break")
    if any(who != speaker and copies(text, other) for who, other in said):
        found.append("parrot")
    if any(who == speaker and copies(text, other) for who, other in said):
        found.append("repetition")
    if not _in_script(text, language):
        found.append("wrong_language")
    if cut and not SENTENCE_END.search(text):
        found.append("truncated")
    return tuple(found)


def copies(text: str, earlier: str) -> bool:
    """Whether most of `text` was already said, word for word, in `earlier`."""
    own, known = _shingles(text), _shingles(earlier)
    return bool(own) and len(own & known) / len(own) >= NEAR_COPY


def _shingles(text: str) -> set[str]:
    """Every run of letters as long as about five words, spaces left out: small models lose some when they copy."""
    letters = "".join(char for char in text.casefold() if char.isalnum())
    syllabic = sum(char >= FIRST_SYLLABIC for char in letters) > len(letters) / 2
    size = min(SHINGLE[syllabic], len(letters))
    return {letters[start : start + size] for start in range(len(letters) - size + 1)} if size else set()


def _in_script(text: str, language: str) -> bool:
    script = SCRIPTS.get(language.split("-", maxsplit=1)[0])
    letters = [char for char in text if char.isalpha()]
    if script is None or not letters:
        return True
    own = sum(unicodedata.name(char, "").startswith(script) for char in letters)
    return own / len(letters) >= OWN_SCRIPT_FROM
