"""What a seat is asked, in the language it speaks. English is worded in `character.py`, the others in tables here.

Instructions that only tell the writer what to do stay English in every language: models of every size follow them best
so. What the persona believes, the question, and the whole request for the next line are in its own language, since a
model goes on in the language it read last; the request ends by naming that language.
"""

from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

from culturepark.personas.language import ENGLISH, primary, serving
from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.protocols.turn import Flag
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import sha256
from culturepark.runtime.record import Record, build, parse_yaml
from culturepark.runtime.request import Message
from culturepark.simulation import character

ENGLISH_MIXED = (
    "Others here may speak other languages, and everybody understands everybody. {name} always speaks English."
)
ENGLISH_ONLY = "Write only in English."
AGAIN: dict[Flag, str] = {
    "empty": "Write one or two sentences.",
    "role_break": "Write as the character, a person; say nothing about yourself as a writer or a program.",
    "parrot": "Do not copy what somebody else said; say something new in other words.",
    "repetition": "Do not repeat yourself; bring up something new.",
    "wrong_language": "Write in the language of the talk.",
    "truncated": "Write one short, whole sentence.",
}


class Tongue(Record):
    """Words of one language, `prompts/languages/<tag>.yaml`. Braces are filled in; all speak to the persona."""

    language: str
    name: str
    """In English, e.g. `Turkish`."""
    own_name: str
    """In itself, e.g. `Türkçe`."""
    reviewed: bool
    reviewer: str
    """Who must read it, or did."""
    topic: str
    common: str
    usual: str
    minority: str
    other_country: str
    firm: str
    speaks: str
    """When all speak this language."""
    mixed: str
    """When others may speak other languages."""
    next: str
    """The request for a line. `{direction}`, `{belief}` and `{again}` begin with a space where there are any."""
    announced: str
    again: dict[Flag, str]
    """What to mend, by what the turn checks found."""


def briefing(seat: Seat, question: Question, *, mixed: bool = False) -> tuple[Message, ...]:
    """What stands before the script in one seat's context: what to do, and who the seat is."""
    sheet = character_sheet(seat, question, mixed=mixed)
    if tongue_of(seat.language) is not None:
        return (Message(role="system", content=sheet),)
    return (*character.demonstration(with_belief=seat.stance is not None), Message(role="user", content=sheet))


def character_sheet(seat: Seat, question: Question, *, mixed: bool = False) -> str:
    """Describe one seat. Nobody sees another seat's sheet.

    `mixed` says that not all seats speak the same language.
    """
    tongue = tongue_of(seat.language)
    if tongue is None:
        sheet = character.character_sheet(seat, question)
        return f"{sheet}\n{ENGLISH_MIXED.format(name=seat.name)}" if mixed else sheet
    text = _template().format(
        language=tongue.name,
        own_name=tongue.own_name,
        name=seat.name,
        adult="woman" if seat.persona.gender == "female" else "man",
        country=seat.culture.country_name,
        background=seat.persona.background,
        instructions=seat.persona.instructions,
        belief=_belief(tongue, seat, question),
        speaks=tongue.mixed if mixed else tongue.speaks,
    )
    return "\n".join(line for line in text.splitlines() if line.strip())


def next_line(seat: Seat, *, guidance: str | None = None, faults: Iterable[Flag] = (), mixed: bool = False) -> str:
    """The request for an utterance, with the moderator's whisper; `faults` are what was wrong with the first try."""
    tongue = tongue_of(seat.language)
    if tongue is None:
        again = [AGAIN[fault] for fault in faults] + ([ENGLISH_ONLY] if mixed else [])
        return character.next_line(seat, guidance=guidance, again=" ".join(again))
    belief = seat.stance.told if seat.stance is not None else None
    request = tongue.next.format(
        name=seat.name,
        direction=f" {guidance}" if guidance else "",
        belief=f" {belief}" if belief else "",
        again="".join(f" {tongue.again[fault]}" for fault in faults),
    )
    return f"\n{request}\n{seat.name}:"


def announced(guidance: str, *, language: str = ENGLISH) -> str:
    """How the moderator's words to all stand in the context of a speaker of a language."""
    tongue = tongue_of(language)
    return character.announced(guidance) if tongue is None else tongue.announced.format(guidance=guidance)


def tongue_of(language: str) -> Tongue | None:
    """The words for a language; None for English.

    Raises:
        CultureParkError: For a language without such words.
    """
    if primary(language) == ENGLISH:
        return None
    known = _languages()
    found = serving(language, known)
    if found is None:
        raise CultureParkError(
            f"nobody can be asked for a line in {language!r}: prompts are in {', '.join((ENGLISH, *known))}; "
            f"use talk_language 'en', or add simulation/prompts/languages/{language}.yaml"
        )
    return _tongue(found)


def prompts_sha256(seats: Iterable[Seat], *, mixed: bool) -> str:
    """Hash of everything that words the prompts of these seats: part of a talk's identity.

    Only the languages spoken count, so that a talk in English stays the same talk when another language is reworded.
    """
    english = character.templates_sha256()
    tongues = {tongue.language: tongue for seat in seats if (tongue := tongue_of(seat.language)) is not None}
    if not tongues:
        return english
    words = {tag: tongue.model_dump(exclude={"reviewed", "reviewer"}) for tag, tongue in tongues.items()}
    return sha256([english, _template(), words, [ENGLISH_MIXED, ENGLISH_ONLY] if mixed else []])


def _belief(tongue: Tongue, seat: Seat, question: Question) -> str:
    lines = [tongue.topic.format(topic=question.topic_in(seat.language), text=question.text_in(seat.language))]
    stance = seat.stance
    if stance is not None:
        if stance.told is None:
            raise CultureParkError(f"{seat.id} speaks {seat.language}, and its stance is only in English; cast it anew")
        shared = getattr(tongue, character.consensus(stance, seat)).format(percent=character.percent(stance))
        lines += [stance.told, shared, tongue.firm]
    return "\n".join(lines)


@lru_cache(maxsize=1)
def _languages() -> tuple[str, ...]:
    folder = files(__package__) / "prompts" / "languages"
    return tuple(sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml")))


@lru_cache(maxsize=16)
def _tongue(language: str) -> Tongue:
    file = files(__package__) / "prompts" / "languages" / f"{language}.yaml"
    return build(Tongue, parse_yaml(file.read_text(encoding="utf-8"), place=file.name), place=file.name)


@lru_cache(maxsize=1)
def _template() -> str:
    return (files(__package__) / "prompts" / "native.md").read_text(encoding="utf-8")
