"""Word lists of nine languages, as patterns that are found in what was said."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, cast

import regex

from culturepark.benchmarks.talk_metrics import words
from culturepark.personas.culture import Culture
from culturepark.personas.language import ENGLISH, primary
from culturepark.postprocess.near_text import lowered
from culturepark.protocols.turn import Turn
from culturepark.runtime.record import Record, build, parse_yaml
from culturepark.simulation.transcript import Transcript

INSIDE: Final = "zh"
"""Written without spaces: patterns are found inside."""
LETTER: Final = r"[\p{L}\p{M}]"
PERSON, COUNTRY = "[name]", "[country]"


class Phrases(Record):
    """The phrases of one language in `essentialising.yaml`."""

    reviewed: bool
    """By somebody who speaks the language natively."""
    phrases: tuple[str, ...]


def essentialising(text: str, language: str) -> list[str]:
    """Phrases of a text that speak of a whole people at once, in order and without overlap; see the list."""
    own = _essentialising().get(primary(language))
    if own is None:
        return []
    found = compiled(own.phrases, primary(language)).finditer(lowered(text, language))
    return [hit.group() for hit in found]


def essentialising_rate(talk: Transcript) -> tuple[int, int]:
    """Such phrases in a talk, and its tokens (words, Chinese characters); unlisted languages are left out."""
    read = [
        (turn.text, language)
        for turn in talk.turns
        if primary(language := talk.seat(turn.speaker).language) in _essentialising()
    ]
    return sum(len(essentialising(*one)) for one in read), sum(len(words(text)) for text, _ in read)


def unreviewed(languages: Iterable[str]) -> tuple[str, ...]:
    """Languages whose phrases no native speaker has read yet, or that have none."""
    return tuple(
        sorted(
            tag
            for tag in {primary(language) for language in languages}
            if tag not in _essentialising() or not _essentialising()[tag].reviewed
        )
    )


def masked(turn: Turn, talk: Transcript, cultures: Iterable[Culture] = ()) -> str:
    """An utterance without the words that say who speaks: personas' names, countries and peoples.

    Args:
        turn: The utterance.
        talk: Whose speakers' names are masked.
        cultures: Whose names and countries are masked besides those of the talk.
    """
    language = primary(talk.seat(turn.speaker).language)
    known = {culture.id: culture for culture in (*cultures, *(seat.culture for seat in talk.seats))}
    named = {seat.name for seat in talk.seats}
    places = {name.removeprefix("the ") for one in known.values() for name in (one.country_name, one.people)}
    text = compiled(tuple(sorted(name.casefold() for name in named)), language, own=False).sub(PERSON, turn.text)
    text = compiled(tuple(sorted(name.casefold() for name in places)), language, own=False).sub(COUNTRY, text)
    for tag in dict.fromkeys((language, ENGLISH)):
        if tag in _masks():
            text = compiled(_masks()[tag], tag).sub(COUNTRY, text)
    return text


@lru_cache(maxsize=256)
def compiled(patterns: tuple[str, ...], language: str, *, own: bool = True) -> "regex.Pattern[str]":
    """All patterns as one, the longest first.

    Args:
        patterns: With `*` for any letters and `_` for one to three words.
        language: Chinese is written without spaces.
        own: Whether the patterns are words of the language; names of another script stand alone in it.
    """
    inside = own and language == INSIDE
    gap = r"\P{P}{1,6}?" if inside else rf"(?:{LETTER}+[ -]){{0,2}}{LETTER}+"
    parts = []
    for pattern in sorted(patterns, key=lambda one: (-len(one), one)):
        part = regex.escape(pattern, special_only=True).replace(r"\*", f"{LETTER}*").replace("_", gap)
        parts.append(part if inside else rf"(?<!{LETTER}){part}(?!{LETTER})")
    return regex.compile("|".join(parts) or r"(?!)", regex.IGNORECASE)


@lru_cache(maxsize=1)
def _essentialising() -> Mapping[str, Phrases]:
    table = _table("essentialising.yaml")
    return {tag: build(Phrases, entry, place=f"essentialising.yaml, {tag}") for tag, entry in table.items()}


@lru_cache(maxsize=1)
def _masks() -> Mapping[str, tuple[str, ...]]:
    return {tag: tuple(patterns) for tag, patterns in _table("masks.yaml").items()}


def _table(name: str) -> Mapping[str, Any]:
    text = (files(__package__) / name).read_text(encoding="utf-8")
    return cast("Mapping[str, Any]", parse_yaml(text, place=name))
