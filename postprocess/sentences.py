"""Sentences with their exact place, in any of the scripts that talks are held in."""

import re
from typing import NamedTuple

from culturepark.personas.language import primary

# A sentence ends at Latin, Arabic, Bengali or Chinese marks with their closing quotes; a full stop between two
# digits, or after an initial or a title, is part of a word.
_END = re.compile(r"""(?:[!?…。！？؟۔।]|(?<!\d)\.|\.(?!\d))+["'”“’»)\]」』]*(?=\s|$)|[。！？]["'”’»)\]」』]*|\n+""")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Dra|Sr|Sra|Srta|Prof|St|vs|e\.g|i\.e|etc|No|bzw|ca|vb)|\b[A-Za-z])\.$"
)
_ORDINAL = re.compile(r"\b\d{1,2}\.$")
ORDINALS = ("de", "tr")
"""Languages that write "the third" as `3.`: after one or two digits their full stop ends no sentence."""


class Sentence(NamedTuple):
    """`text == whole[start:end]`."""

    text: str
    start: int
    end: int


def split_sentences(text: str, *, language: str = "en") -> list[Sentence]:
    """Cut a text into sentences: disjoint, in order, and together every character that is not white space."""
    found: list[Sentence] = []
    start = 0
    for match in _END.finditer(text):
        before, last = text[start : match.end()], match.end() == len(text)
        ordinal = primary(language) in ORDINALS and _ORDINAL.search(before)
        if not last and (ordinal or _ABBREVIATION.search(before)):
            continue
        _add(found, text, start, match.end())
        start = match.end()
    _add(found, text, start, len(text))
    return found


def _add(found: list[Sentence], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        found.append(Sentence(text[start:end], start, end))
