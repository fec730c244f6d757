"""Marks: the words of a text that carry its meaning. Two opinions whose marks differ are never one, however near.

Negations, quantifiers, numbers and named customs are compared as they stand. Opposites, proper names, one word in the
place of another (`swaps.py`) and whether it is a question are compared between two texts. The words are in
`markers.yaml`, `customs.yaml` and `opposites.yaml`, for nine languages; other texts are looked at with those of all.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple, cast

import regex

from culturepark.personas.language import primary
from culturepark.postprocess.near_text import lowered
from culturepark.postprocess.swaps import swapped
from culturepark.runtime.record import parse_yaml

Kind = Literal["negation", "quantifier", "number", "custom", "opposite", "name", "word", "question"]
PARTS = "zh"
"""The language written without spaces: its patterns are found inside."""
CLITICS = {"ar": ("[وف]?[بكل]?(?:ال|ل)?",)}
"""What a language writes as one word with the next one: "and", "in", "the"."""
NEUTRAL = "neutral"
NOUNS_ARE_CAPITAL = "de"
STEM = 5
"""First letters by which a name is known again: languages put endings on names."""

_DIGITS = regex.compile(r"(?:(?<!\w)[-−+])?\d+(?:[.,٫]\d+)*")
_HAN_NUMBER = regex.compile(r"(?:第)?([一二两三四五六七八九十百千万]+)(?=[个位天年次代岁口种件顿杯小倍兄姐])")
_HAN_DIGITS = {character: str(value) for value, character in enumerate("一二三四五六七八九十", start=1)} | {"两": "2"}
_NAME = regex.compile(r"(?<=[\p{Ll}\p{M},;:\d’'] )\p{Lu}[\p{L}\p{M}]+")
_MARK_OF_QUESTION = regex.compile(r"[?？؟]")
_PUNCTUATION = regex.compile(r"\p{P}")


class Mark(NamedTuple):
    """A class of words that a text holds, and how often."""

    kind: Kind
    word: str
    """The class: `not`, `all`, `3`; for customs the pattern."""
    times: int
    """1 for customs, however often they are named."""


class Difference(NamedTuple):
    """What sets two texts apart."""

    kind: Kind
    one: tuple[str, ...]
    """What only the first has."""
    other: tuple[str, ...]


def marks(text: str, language: str) -> tuple[Mark, ...]:
    """Negations, quantifiers, numbers and customs of a text, sorted."""
    text = _ready(text, language)
    key = primary(language)
    found: Counter[tuple[Kind, str]] = Counter()
    for kind, patterns in _tables(key).items():
        for name, start, end in patterns.find(text):
            if name != NEUTRAL:
                # "No, women should work" answers somebody; it does not say that no women should.
                answer = kind == "negation" and _stands_alone(text, start, end)
                found[kind, f"{name}," if answer else name] += 1
    found.update(("number", number) for number in _numbers(text, key))
    return tuple(sorted(Mark(kind, word, 1 if kind == "custom" else count) for (kind, word), count in found.items()))


def differences(one: str, other: str, language: str) -> tuple[Difference, ...]:
    """In which kinds of marks two texts of a language differ; empty when nothing here forbids to merge them."""
    mine, theirs = marks(one, language), marks(other, language)
    kinds: tuple[Kind, ...] = ("negation", "quantifier", "number", "custom")
    found = [
        Difference(kind, _words(mine, theirs, kind), _words(theirs, mine, kind))
        for kind in kinds
        if [mark for mark in mine if mark.kind == kind] != [mark for mark in theirs if mark.kind == kind]
    ]
    # A verb that is negated is another word, too; once is enough.
    more = (difference for difference in contrasts(one, other, language) if not (found and difference.kind == "word"))
    return (*found, *more)


def contrasts(one: str, other: str, language: str) -> tuple[Difference, ...]:
    """Differences that only show between two texts: opposites, names, one word in another's place, a question."""
    mine, theirs = _poles(one, language), _poles(other, language)
    found = [
        Difference("opposite", *(tuple(*poles[axis].values()) for poles in (mine, theirs)))
        for axis in sorted(mine.keys() & theirs.keys())
        if len(mine[axis]) == len(theirs[axis]) == 1 and mine[axis].keys() != theirs[axis].keys()
    ]
    if primary(language) != NOUNS_ARE_CAPITAL:
        lost, gained = _missing(one, other, language), _missing(other, one, language)
        if lost or gained:
            found.append(Difference("name", lost, gained))
    swap = None if found else swapped(_unmarked(one, language), _unmarked(other, language), language)
    if swap is not None:
        found.append(Difference("word", (swap.one,), (swap.other,)))
    asks = [tuple(_MARK_OF_QUESTION.findall(text)[:1]) for text in (one, other)]
    if asks[0] != asks[1]:
        found.append(Difference("question", *asks))
    return tuple(found)


class _Patterns:
    """Patterns with names. Where several match, a phrase comes before a word, and a word before part of one."""

    def __init__(self, named: Iterable[tuple[str, str]], *, language: str) -> None:
        ordered = sorted(named, key=lambda one: (" " not in one[1], -len(one[1].replace("*", "")), one[1], one[0]))
        self._words = {pattern: name for name, pattern in ordered if language != PARTS and pattern.isidentifier()}
        self._others = [(name, pattern) for name, pattern in ordered if pattern not in self._words]
        found = [f"(?P<at{place}>{_compiled(one, language)})" for place, (_, one) in enumerate(self._others)]
        phrases = sum(" " in pattern for _, pattern in self._others)
        # Words are looked up in a set: as alternatives, hundreds would be tried at every place of a text.
        words = [rf"{before}(?P<word>\L<words>)" for before in ("", *CLITICS.get(language, ()))] if self._words else []
        alternatives = "|".join([*found[:phrases], *words, *found[phrases:]])
        if language != PARTS:
            alternatives = rf"(?<![\w'])(?:{alternatives})(?!\w)"
        self._regex = regex.compile(alternatives, words=[*self._words], ignore_unused=True)

    def find(self, text: str) -> Iterator[tuple[str, int, int]]:
        """Names with start and end, without overlaps."""
        for match in self._regex.finditer(text):
            group = cast("str", match.lastgroup)
            word = self._words[match["word"]] if group == "word" else self._others[int(group.removeprefix("at"))][0]
            yield word, match.start(), match.end()


def _compiled(pattern: str, language: str) -> str:
    body = regex.escape(pattern.strip("*"), literal_spaces=True).replace(" ", r"\s+")
    if language == PARTS:
        return body
    before = r"\w*" if pattern.startswith("*") else f"(?:{'|'.join(('', *CLITICS.get(language, ())))})"
    after = r"\w*" if pattern.endswith("*") else ""
    return f"{before}{body}{after}"


@lru_cache(maxsize=16)
def _tables(language: str) -> dict[Kind, _Patterns]:
    markers = cast("dict[str, dict[str, dict[str, list[str]]]]", _read("markers.yaml"))
    customs = cast("dict[str, list[str]]", _read("customs.yaml"))
    tables: dict[Kind, _Patterns] = {}
    for kind, key in (("negation", "negation"), ("quantifier", "quantity"), ("number", "number")):
        words = [(name, word) for name, table in markers[key].items() for word in _spoken(table, language, customs)]
        if words:
            tables[cast("Kind", kind)] = _Patterns(words, language=language)
    named = [(word.strip("*"), word) for word in _spoken(customs, language, customs)]
    tables["custom"] = _Patterns(named, language=language)
    return tables


def _spoken(table: Mapping[str, list[str]], language: str, known: Mapping[str, object]) -> list[str]:
    """The words of a language; for one that has none anywhere, those of all."""
    if language in known:
        return table.get(language, [])
    return sorted({word for words in table.values() for word in words})


@lru_cache(maxsize=16)
def _axes(language: str) -> tuple[_Patterns, ...]:
    table = cast("dict[str, list[list[str]]]", _read("opposites.yaml"))
    chosen = table.get(language)
    languages = [chosen] if chosen is not None else [table[key] for key in sorted(table)]
    return tuple(
        _Patterns(
            ((str(pole), word.strip()) for pole, words in enumerate(axis) for word in words.split(",")),
            language=language,
        )
        for axes in languages
        for axis in axes
    )


@lru_cache(maxsize=4096)
def _poles(text: str, language: str) -> dict[int, dict[str, list[str]]]:
    """Axis to pole to the words found there."""
    text = _ready(text, language)
    found: dict[int, dict[str, list[str]]] = {}
    for axis, patterns in enumerate(_axes(primary(language))):
        for pole, start, end in patterns.find(text):
            found.setdefault(axis, {}).setdefault(pole, []).append(text[start:end])
    return found


@lru_cache(maxsize=4096)
def _unmarked(text: str, language: str) -> str:
    """A text with the kind of a mark in the place of each mark: those are compared already."""
    text = _ready(text, language)
    for kind, patterns in _tables(primary(language)).items():
        for _, start, end in reversed([*patterns.find(text)]):
            text = f"{text[:start]} {kind} {text[end:]}"
    if primary(language) == PARTS:
        text = _HAN_NUMBER.sub(" number ", text)
    return _DIGITS.sub(" number ", text)


def _ready(text: str, language: str) -> str:
    return lowered(unicodedata.normalize("NFC", text).replace("’", "'"), language)


def _numbers(text: str, language: str) -> Iterator[str]:
    for match in _DIGITS.finditer(text):
        number = regex.sub("[,٫]", ".", match.group())
        yield regex.sub(r"\d", lambda digit: str(unicodedata.digit(digit.group())), number)
    if language == PARTS:
        for match in _HAN_NUMBER.finditer(text):
            number = match.group(1)
            if match.group() != "一":  # "一个" is an article more often than a number
                yield _HAN_DIGITS.get(number, number)


def _stands_alone(text: str, start: int, end: int) -> bool:
    before, after = text[:start].rstrip(), text[end:].lstrip()
    return (not before or _PUNCTUATION.match(before[-1]) is not None) and _PUNCTUATION.match(after[:1]) is not None


def _missing(one: str, other: str, language: str) -> tuple[str, ...]:
    """Names in a text that the other does not have, in any case and with any ending."""
    there = {word[:STEM] for word in regex.findall(r"[\p{L}\p{M}]+", lowered(other, language))}
    return tuple(name for name in _NAME.findall(one) if lowered(name, language)[:STEM] not in there)


def _words(mine: tuple[Mark, ...], theirs: tuple[Mark, ...], kind: Kind) -> tuple[str, ...]:
    return tuple(mark.word for mark in mine if mark.kind == kind and mark not in theirs)


def _read(name: str) -> Any:
    text = (files(__package__) / name).read_text(encoding="utf-8")
    return parse_yaml(unicodedata.normalize("NFC", text), place=name)
