"""What a talk is like, in numbers that need no judge: one table of metrics, each a number for a talk or None.

None is "not defined here", for instance a share of nothing; it is never counted as 0.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Literal, NamedTuple

import regex

from culturepark.protocols.turn import Turn
from culturepark.runtime.errors import unknown
from culturepark.simulation.transcript import Transcript

WINDOW = 50
"""Words of the moving window of the type-token ratio."""
GRAM = 4
"""Words in a row that count as said before."""
# Han characters stand alone, because Chinese writes no spaces; marks belong to their letter (Bengali vowel signs).
LETTERS = r"[[\p{L}\p{M}\p{N}]--\p{Han}]"
WORD = regex.compile(rf"\p{{Han}}|{LETTERS}+(?:['’]{LETTERS}+)*", regex.V1)


class Held(NamedTuple):
    """A talk with what refining found in it."""

    talk: Transcript
    samples: float | None
    """Distinct verified samples the talk accounts for; None when the talk was not refined."""


class Metric(NamedTuple):
    """A number for a talk."""

    measure: Callable[[Held], float | None]
    definition: str
    unit: str
    better: Literal["higher", "lower", "neither"]


def measure(held: Held, metrics: Sequence[str]) -> dict[str, float | None]:
    """Take the named measures of a talk."""
    return {name: METRICS[name].measure(held) for name in metrics}


def chosen_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """All metrics, or those named.

    Raises:
        CultureParkError: For an unknown name, with the closest known one.
    """
    for name in names:
        if name not in METRICS:
            raise unknown("metric", name, METRICS)
    return tuple(names) or tuple(METRICS)


@cache
def words(text: str) -> tuple[str, ...]:
    """Split a text of any script into lower-case words, Chinese into characters."""
    return tuple(WORD.findall(text.casefold()))


def samples_per_1k_tokens(held: Held) -> float | None:
    """Samples by the tokens of the talk itself; what refining read is left out."""
    tokens = sum(turn.tokens_in + turn.tokens_out for turn in held.talk.turns)
    return None if held.samples is None or not tokens else 1000 * held.samples / tokens


def type_token_ratio(held: Held) -> float | None:
    """Mean over all windows of `WINDOW` words in a row of the share of different words in it.

    Source:
        M. Covington, J. McFall, "Cutting the Gordian Knot: The Moving-Average Type-Token Ratio (MATTR)", Journal of
        Quantitative Linguistics 17 (2010). The fixed window makes talks of different length comparable.
    """
    said = [word for turn in held.talk.turns for word in words(turn.text)]
    windows = len(said) - WINDOW + 1
    if windows < 1:
        return None
    return sum(len(set(said[start : start + WINDOW])) for start in range(windows)) / (windows * WINDOW)


def self_repetition(held: Held) -> float | None:
    """Share of the runs of words in which a speaker repeats an earlier turn of their own."""
    return _said_before(held.talk.turns, own=True)


def parroting(held: Held) -> float | None:
    """Share of the runs of words that another speaker had said in an earlier turn."""
    return _said_before(held.talk.turns, own=False)


def questions_asked(held: Held) -> float | None:
    """Share of the main contact's turns with a question mark of any script."""
    return _share(
        [
            asks(turn.text, language=seat.language)
            for turn in held.talk.turns
            if (seat := held.talk.seat(turn.speaker)).role == "main_contact"
        ]
    )


def flagged_turns(held: Held) -> float | None:
    """Share of turns that the turn checks still object to after the second draw."""
    return _share([bool(turn.flags) for turn in held.talk.turns])


def asks(text: str, *, language: str) -> bool:
    """Whether a text holds a question mark: `?`, `؟`, `？` …, and in Greek the semicolon."""
    greek = language.split("-", maxsplit=1)[0] == "el"
    return any("QUESTION MARK" in unicodedata.name(char, "") or (greek and char == ";") for char in text)


METRICS: Mapping[str, Metric] = {
    "samples_per_1k_tokens": Metric(
        samples_per_1k_tokens,
        "distinct verified samples for 1000 tokens read and written in the talk; a sample that several talks of one "
        "setting said is shared among them equally",
        "samples / 1000 tokens",
        "higher",
    ),
    "type_token_ratio": Metric(
        type_token_ratio,
        f"different words in a moving window of {WINDOW} words (Chinese: characters); not for comparing languages",
        "share",
        "higher",
    ),
    "self_repetition": Metric(
        self_repetition,
        f"runs of {GRAM} words (Chinese: characters) that the same speaker said in an earlier turn",
        "share",
        "lower",
    ),
    "parroting": Metric(
        parroting,
        f"runs of {GRAM} words (Chinese: characters) that another speaker said in an earlier turn",
        "share",
        "lower",
    ),
    "questions_asked": Metric(
        questions_asked, "turns of the main contact that hold a question mark of any script", "share", "neither"
    ),
    "flagged_turns": Metric(
        flagged_turns, "turns that the turn checks still object to after a second draw", "share", "lower"
    ),
}


def _said_before(turns: Sequence[Turn], *, own: bool) -> float | None:
    """Runs of words found in earlier turns, among those of turns that have such earlier turns at all."""
    found: list[bool] = []
    for place, turn in enumerate(turns):
        earlier = [before for before in turns[:place] if (before.speaker == turn.speaker) == own]
        if earlier:
            known = {gram for before in earlier for gram in _grams(before.text)}
            found += [gram in known for gram in _grams(turn.text)]
    return _share(found)


def _grams(text: str) -> list[tuple[str, ...]]:
    said = words(text)
    return [said[start : start + GRAM] for start in range(len(said) - GRAM + 1)]


def _share(found: Sequence[bool]) -> float | None:
    return sum(found) / len(found) if found else None
