"""Reading a reply as one of the options it was asked for. What is not plainly one of them is none of them."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Final, Literal, NamedTuple

import regex

from culturepark.runtime.record import parse_yaml

Kind = Literal["answered", "refused", "invalid", "failed"]
REFUSING_ENDS: Final = frozenset({"content_filter", "refusal"})
"""Finish reasons of an endpoint that did not let the reply out."""

_WRAPPING = " \t\"'“”„«»‘’`*_()[]{}<>:;,.!?。．：，；！？、（）「」『』،؛؟।"
_NUMBER = r"\d+(?:\.\d+)?"
_SCALE = regex.compile(
    rf"""(?:
        (?:scale|range|rating)\s+(?:\w+\s+){{0,2}}?{_NUMBER}\s*(?:to|through|-|–|—)\s*{_NUMBER}   # on a scale of 1 to 5
      | (?:from|between)\s+{_NUMBER}\s*(?:to|and|through|-|–|—)\s*{_NUMBER}                       # from 1 to 5
      | (?<!\w){_NUMBER}\s*(?:-|–|—|~)\s*{_NUMBER}(?!\w)                                          # 1-5
      | (?<=\d\s*)(?:out\s+of|/)\s*{_NUMBER}                                                      # (4) out of 5
    )""",
    regex.IGNORECASE | regex.VERBOSE,
)
_NEGATED = regex.compile(
    r"(?:\b(?:not|isn't|no|nor|neither|nicht|kein\w*|no es|não|değil)\s+(?:\w+\s+)?|[不没非未])$", regex.IGNORECASE
)
_SAYS = r"(?:answer|option|choice|label|antwort|respuesta|resposta|cevap|答案|답|الإجابة|উত্তর)"


class Read(NamedTuple):
    """What a reply is."""

    kind: Kind
    choice: int | None = None
    """Index of the option, for an answer."""


def read_choice(
    text: str, options: Sequence[str], *, meanings: Sequence[str] = (), finish_reason: str = "stop"
) -> Read:
    """Read which option a reply names.

    A reply, or its first line, that is an option and nothing else is that option. After that come refusals. What is
    left is an answer when it names exactly one option, as a word of its own and not after a negation; the ends of a
    scale ("on a scale of 1 to 5") are no answers. Everything else is invalid.

    Args:
        text: The reply.
        options: As the model was to write them. A single letter is only read where it stands as an answer stands,
            because `A` is also a word.
        meanings: What stands beside each option in the question: `A: hate` and, in a reply by itself, `hate`.
        finish_reason: Of the reply.
    """
    if finish_reason in REFUSING_ENDS:
        return Read("refused")
    lines = [line for line in text.splitlines() if line.strip(_WRAPPING)]
    if not lines:
        return Read("invalid")
    for part in (text, lines[0]):
        if (found := _plain_choice(part, options, meanings)) is not None:
            return Read("answered", found)
    if refuses(text):
        return Read("refused")
    named = _named(text, options)
    if not named and meanings:
        named = _named(text, meanings)
    return Read("answered", named.pop()) if len(named) == 1 else Read("invalid")


def refuses(text: str) -> bool:
    """Whether a reply declines to answer, in one of the languages of `refusals.yaml`."""
    said = " ".join(text.casefold().replace("’", "'").split())
    return any(phrase in said for phrase in _refusals())


def _plain_choice(part: str, options: Sequence[str], meanings: Sequence[str]) -> int | None:
    """The option that a text is, with or without what stands beside it."""
    said = _bare(part)
    for place, option in enumerate(options):
        if said == _bare(option):
            return place
        if meanings:
            beside = _bare(meanings[place])
            if said == beside or regex.fullmatch(rf"{regex.escape(_bare(option))}\W+{regex.escape(beside)}", said):
                return place
    return None


def _named(text: str, options: Sequence[str]) -> set[int]:
    """Indices of the options that a text names; longer ones first, so that `no` is not found in `not hate`."""
    if _letters(options):
        found = regex.findall(rf"(?i:{_SAYS})\W+(?i:(?:is|ist|es|é)\W+)?([A-Z])(?!\w)", text)
        found += regex.findall(r"^\W*([A-Z])[\).:](?!\w)", text)
        return {place for place, option in enumerate(options) if option in found}
    left = _SCALE.sub(" ", text)
    named: set[int] = set()
    for place in sorted(range(len(options)), key=lambda one: -len(options[one])):
        pattern = regex.compile(_as_word(options[place]), regex.IGNORECASE)
        if any(not _NEGATED.search(left[: hit.start()]) for hit in pattern.finditer(left)):
            named.add(place)
        elif pattern.search(left):
            return set()  # "not hate" of hate and normal: what it says instead is a guess
        left = pattern.sub(" ", left)
    return named


def _as_word(option: str) -> str:
    """A pattern for an option as a whole word, or anywhere in scripts that do not part words by spaces."""
    escaped = regex.escape(option)
    if regex.search(r"[\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}]", option):
        return escaped
    if option.isdigit():
        return rf"(?<![\w.,]){escaped}(?!\w|[.,]\d)"
    return rf"(?<![\w'’-]){escaped}(?![\w'’-])"


def _letters(options: Sequence[str]) -> bool:
    return all(len(option) == 1 and option.isascii() and option.isalpha() for option in options)


def _bare(text: str) -> str:
    return " ".join(text.strip(_WRAPPING).casefold().split())


@lru_cache(maxsize=1)
def _refusals() -> tuple[str, ...]:
    table = parse_yaml((files(__package__) / "refusals.yaml").read_text(encoding="utf-8"), place="refusals.yaml")
    return tuple(phrase for phrases in table.values() for phrase in phrases)
