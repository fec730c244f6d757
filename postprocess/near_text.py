"""Texts that are the same but for how they are written: case, punctuation, white space, forms of a character."""

import unicodedata

import regex

from culturepark.personas.language import primary

_DROPPED = regex.compile(r"[\p{Cf}\u0640]")
"""Marks that only steer the drawing, and the stroke that stretches Arabic words."""
_PUNCTUATION = regex.compile(r"[\p{P}--[?؟%٪‰]](?!\d)|(?<!\d)[\p{P}--[?؟%٪‰\-]](?=\d)", regex.V1)
"""Not question marks and per cent, not between digits, where it is part of a number, and no sign before one."""
_SPACES_IN_HAN = regex.compile(r"(?<=\p{Han})\s+(?=\p{Han})")


def near_text(text: str, language: str) -> str:
    """What is left of a text when case, punctuation, white space and Unicode's compatible forms do not count.

    Numbers keep their points, commas, signs and per cent; a question stays a question. Letters are lowered by the rules
    of the language, never folded: `Maßen` and `Massen` are two German words, `ısı` and `isi` two Turkish ones.
    """
    text = lowered(unicodedata.normalize("NFKC", text), language)
    text = _SPACES_IN_HAN.sub("", _DROPPED.sub("", text))
    return " ".join(_PUNCTUATION.sub(" ", text).split())


def lowered(text: str, language: str) -> str:
    """Lower case by the rules of the language: Turkish has a dotted and a dotless i."""
    if primary(language) in {"tr", "az"}:
        text = text.replace("İ", "i").replace("I", "ı")
    return text.lower()
