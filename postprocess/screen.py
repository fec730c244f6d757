"""Screening: what code can decide about an opinion is decided by code, before a judge is asked."""

import unicodedata
from collections.abc import Iterable

from culturepark.postprocess.extract import LONGEST
from culturepark.postprocess.opinion import DropReason, Opinion
from culturepark.protocols.turn import Flag, Turn

SHORTEST = 12
"""Letters, vowel signs and digits, below which a sentence cannot stand alone."""
SHORTEST_DENSE = 5
"""The same for scripts that write a word in one or two characters."""
UNFIT: frozenset[Flag] = frozenset({"role_break", "parrot", "repetition", "wrong_language"})


def screen(opinions: Iterable[Opinion], turn: Turn, seen: set[str]) -> list[Opinion]:
    """Mark what cannot become a sample, each with its reason; `seen` collects the texts of the talk so far."""
    screened: list[Opinion] = []
    for opinion in opinions:
        assert turn.text[opinion.start : opinion.end] == opinion.quote, "spans are cut by code"
        reason = _reason(opinion, turn, seen)
        seen.add(opinion.text.casefold())
        screened.append(opinion.model_copy(update={"dropped": reason}))
    return screened


def _reason(opinion: Opinion, turn: Turn, seen: set[str]) -> DropReason | None:
    if UNFIT & set(turn.flags):
        return "flagged_turn"
    if opinion.about == "other":
        return "about_other"
    if opinion.text.rstrip("\"'”’»)]」』 ").endswith(("?", "？", "؟")):
        return "question"
    # Vowels of Bengali and of pointed Arabic are marks on letters, and count as the vowels of other scripts do.
    letters = [char for char in opinion.text if unicodedata.category(char)[0] in "LMN"]
    dense = any(ord(char) >= 0x2E80 for char in letters)
    if len(letters) < (SHORTEST_DENSE if dense else SHORTEST):
        return "too_short"
    if len(opinion.text) > LONGEST:
        return "too_long"
    if opinion.text.casefold() in seen:
        return "said_before"
    return None
