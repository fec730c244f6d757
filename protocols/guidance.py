"""What the moderator says: a text with placeholders, in one language or in several."""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Annotated, Any

from pydantic import BeforeValidator

from culturepark.personas.language import serving
from culturepark.personas.seat import Seat
from culturepark.protocols.base import Scene
from culturepark.runtime.errors import did_you_mean

FALLBACK = "en"
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*")
PLACEHOLDERS = ("topic", "other", "next", "country")
"""The talk's topic; whoever spoke last; whoever speaks next; the speaker's own country."""


def _texts(given: object) -> tuple[dict[str, str], ...]:
    """Bring the three ways of writing guidance into one form, with each text checked."""
    entries = given if isinstance(given, list | tuple) else [given]
    texts: list[Any] = [{FALLBACK: entry} if isinstance(entry, str) else entry for entry in entries]
    if not texts:
        raise ValueError("the list is empty; leave guidance out for silence")
    for entry in texts:
        if not isinstance(entry, dict) or not all(isinstance(text, str) for text in entry.values()):
            raise ValueError(f"{entry!r} is no text; write one, or a text per language (`en: ..., tr: ...`)")
        for language, text in entry.items():
            if not LANGUAGE.fullmatch(str(language)):
                raise ValueError(f"{language!r} is no language tag (BCP 47); write for example `tr` or `pt-BR`")
            _check_placeholders(text)
        if FALLBACK not in entry:
            raise ValueError("there is no `en`, which is said to everybody whose language is missing; add it")
    return tuple(texts)


Guidance = Annotated[tuple[dict[str, str], ...], BeforeValidator(_texts)]
"""One text, or several to be used in turn; each per language (BCP 47), English for all that are missing."""


def addressed(guidance: Guidance, speaker: Seat, scene: Scene, *, time: int = 0, following: Seat | None = None) -> str:
    """Word guidance for its speaker: in the seat's language, placeholders filled.

    Args:
        guidance: The texts.
        speaker: Who is to hear it.
        scene: The talk so far.
        time: How often it was used before: the texts take turns.
        following: Who speaks after this turn; at the end of a talk `{next}` is whoever spoke last.
    """
    other = scene.other(speaker).name
    return worded(guidance[time % len(guidance)], speaker.language).format(
        topic=worded({FALLBACK: scene.seed.topic, **scene.seed.topics}, speaker.language),
        other=other,
        next=following.name if following and following.id != speaker.id else other,
        country=speaker.culture.country_name,
    )


def worded(text: Mapping[str, str], language: str) -> str:
    """Choose the text for a language: its own, its base language's (`pt` for `pt-BR`), or the English one."""
    return text[serving(language, text) or FALLBACK]


def _check_placeholders(text: str) -> None:
    if not text.strip():
        raise ValueError("the text is empty; leave guidance out for silence")
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    try:
        fields = [(name, rules, conversion) for _, name, rules, conversion in Formatter().parse(text)]
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}; write {{{{ and }}}} for braces, or one of {known}") from None
    for name, rules, conversion in fields:
        if name is not None and (name not in PLACEHOLDERS or rules or conversion):
            raise ValueError(f"no placeholder {{{name}}}{did_you_mean(name, PLACEHOLDERS)}; known: {known}")
