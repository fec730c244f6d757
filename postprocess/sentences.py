"""Sentences with their exact place, in any of the scripts that talks are held in."""

import re
from typing import NamedTuple

# A sentence ends at Latin, Arabic, Bengali or Chinese marks with their closing quotes; a full stop between two
# digits, or after an initial or a title, is part of a word.
_END = re.compile(r"""(?:[!?…。！？؟۔।]|(?<!\d)\.|\.(?!\d))+["'”’»)\]」』]*(?=\s|$)|[。！？]["'”’»)\]」』]*|\n+""")
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|e\.g|i\.e|etc|No)|\b[A-Z])\.$")


class Sentence(NamedTuple):
    """`text == whole[start:end]`."""

    text: str
    start: int
    end: int


def split_sentences(text: str) -> list[Sentence]:
    """Cut a text into sentences: disjoint, in order, and together every character that is not white space."""
    found: list[Sentence] = []
    start = 0
    for match in _END.finditer(text):
        if _ABBREVIATION.search(text[start : match.end()]) and match.end() < len(text):
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
