"""Read talks from files: our own format, or other people's: `[{speaker, text}]`, ShareGPT, chat messages."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from culturepark.personas.language import serving
from culturepark.personas.persona import Persona, ascii_name
from culturepark.personas.question import Question
from culturepark.personas.roster import Roster
from culturepark.personas.seat import Seat
from culturepark.personas.stance import Stance, stance_from
from culturepark.personas.surveys.survey import Survey
from culturepark.personas.talk_language import worded
from culturepark.protocols.turn import SpokenCue, Turn
from culturepark.runtime.errors import CultureParkError, did_you_mean
from culturepark.runtime.hashing import content_id, sha256
from culturepark.runtime.record import build
from culturepark.simulation.transcript import IMPORTED, ProtocolUsed, Transcript

SPEECH: Mapping[str, tuple[str, str]] = {
    "turns": ("speaker", "text"),
    "conversations": ("from", "value"),
    "messages": ("role", "content"),
}
"""Key of a talk's list, and the keys of its speaker and its words."""
SHAPES = (
    "[{speaker, text}], {turns: [{speaker, text}]}, {conversations: [{from, value}]} or {messages: [{role, content}]}"
)


class Said(NamedTuple):
    """One utterance of somebody else's talk."""

    speaker: str
    text: str
    cue: SpokenCue | None
    """A system message that stands before it."""


class Casting(NamedTuple):
    """Who the speakers of other people's talks are, and what they talk about."""

    roster: Roster
    survey: Survey
    question: Question | None = None
    language: str = "en"
    seats: Mapping[str, str] = {}
    """Speaker to `persona id`, or to `culture:gender` for a person of whom nothing else is known."""
    stances: Mapping[str, int] = {}
    """Speaker to the answer they hold, a code of the question's scale."""
    main_contact: str | None = None
    """Speaker; the first one of each talk when None."""


def read_talks(path: Path, casting: Casting) -> list[Transcript]:
    """Read every talk of a JSON or JSONL file.

    Raises:
        CultureParkError: Names the line (or talk) that is malformed, of a newer schema, or has an unknown speaker.
    """
    talks = [_talk(document, casting, place) for place, document in _documents(path)]
    if not talks:
        raise CultureParkError(f"{path}: there is no talk in it")
    for name in {*casting.seats, *casting.stances}:
        if not any(_spoken_by(talk, name, casting) for talk in talks):
            raise CultureParkError(f"{path}: nobody called {name!r} speaks in it; leave it out or correct the name")
    return talks


def _documents(path: Path) -> list[tuple[str, Any]]:
    """The talks of a file with how errors call them; a file whose lines are utterances is one talk."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise CultureParkError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CultureParkError(f"{path}: cannot be read as UTF-8 text ({error})") from None
    try:
        whole = json.loads(text)
    except ValueError:
        return _lines(path, text)
    if isinstance(whole, list) and whole and not _is_utterance(whole[0]):
        return [(f"{path}, talk {number}", document) for number, document in enumerate(whole, start=1)]
    return [(str(path), whole)]


def _lines(path: Path, text: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    # Not `splitlines`: a JSON string may hold a line separator of Unicode as it is.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append((f"{path}:{number}", json.loads(line)))
        except ValueError as error:
            problem = getattr(error, "msg", str(error))
            raise CultureParkError(f"{path}:{number}: not JSON ({problem}); is the file cut off?") from None
    if found and all(_is_utterance(document) for _, document in found):
        return [(str(path), [document for _, document in found])]
    return found


def _is_utterance(document: Any) -> bool:
    return isinstance(document, dict) and "text" in document and "speaker" in document


def _talk(document: Any, casting: Casting, place: str) -> Transcript:
    if isinstance(document, dict) and "schema" in document:
        return _own(document, place)
    said = _said(document, place)
    seats = _seats(said, casting, place)
    question = casting.question
    if question is not None and serving(casting.language, casting.survey.languages) is not None:
        question, told = worded(question, list(seats.values()), casting.survey)
        seats = dict(zip(seats, told, strict=True))
    turns = tuple(
        Turn(
            index=index,
            speaker=seats[one.speaker].id,
            text=one.text,
            cue=one.cue,
            finish_reason=IMPORTED,
            model=IMPORTED,
            draws=0,
        )
        for index, one in enumerate(said)
    )
    inputs = {
        "turns": sha256(list(turns)),
        "seats": sha256(list(seats.values())),
        "question": sha256(question),
        "language": casting.language,
    }
    data = {
        "id": content_id("t", inputs),
        "question": question,
        "language": casting.language,
        "model": IMPORTED,
        "protocol": ProtocolUsed(name=IMPORTED, sha256=""),
        "status": "complete",
        "seats": tuple(seats.values()),
        "turns": turns,
        "inputs": inputs,
    }
    return build(Transcript, data, place=place)


def _own(document: dict[str, Any], place: str) -> Transcript:
    version = document["schema"]
    if isinstance(version, int) and version > 1:
        raise CultureParkError(
            f"{place}: written by a newer CulturePark (transcript schema {version}, this one reads 1); "
            "upgrade with `pip install --upgrade culturepark`"
        )
    return build(Transcript, document, place=place)


def _said(document: Any, place: str) -> list[Said]:
    """The utterances of a talk, whatever its shape; system messages become the moderator's words to all."""
    key = "turns"
    if isinstance(document, dict):
        key = next((name for name in SPEECH if name in document), "")
        if not key:
            raise CultureParkError(
                f"{place}: not a talk (its keys: {', '.join(document) or 'none'}); expected {SHAPES}"
            )
        document = document[key]
    if not isinstance(document, list) or not document:
        raise CultureParkError(f"{place}: not a talk but {_kind(document)}; expected {SHAPES}")
    found: list[Said] = []
    told: list[str] = []
    for number, item in enumerate(document):
        speaker, text = _utterance(item, SPEECH[key], f"{place}, turn {number}")
        if key != "turns" and speaker == "system":
            told.append(text)
            continue
        cue = SpokenCue(guidance="\n".join(told), private=False) if told else None
        found.append(Said(speaker, text, cue))
        told = []
    if told or not found:
        raise CultureParkError(f"{place}: ends with a system message, which nobody answers")
    return found


def _utterance(item: Any, keys: tuple[str, str], place: str) -> tuple[str, str]:
    if not isinstance(item, dict):
        raise CultureParkError(f"{place}: expected {{{', '.join(keys)}}}, found {_kind(item)}")
    for key in keys:
        if key not in item:
            raise CultureParkError(f"{place}: {key!r} is missing (found: {', '.join(item) or 'nothing'})")
        if not isinstance(item[key], str):
            raise CultureParkError(f"{place}: {key!r} is {_kind(item[key])}, not text")
    return item[keys[0]].strip(), item[keys[1]]


def _seats(said: Sequence[Said], casting: Casting, place: str) -> dict[str, Seat]:
    """A seat for every speaker, the main contact's first, the others' in the order they speak."""
    speakers = list(dict.fromkeys(one.speaker for one in said))
    main = casting.main_contact or speakers[0]
    if main not in speakers:
        raise CultureParkError(f"{place}: --main-contact {main!r} does not speak; speakers are {_listed(speakers)}")
    speakers.sort(key=lambda speaker: speaker != main)
    return {speaker: _seat(speaker, casting, place, main=speaker == main) for speaker in speakers}


def _seat(speaker: str, casting: Casting, place: str, *, main: bool) -> Seat:
    persona = _persona(speaker, casting, place)
    culture = casting.roster.culture(persona.culture)
    role: Literal["main_contact", "delegate"] = "main_contact" if main else "delegate"
    stance: Stance | None = None
    if speaker in casting.stances:
        if casting.question is None:
            raise CultureParkError(f"--stance {speaker}=…: an answer needs a question; add --question ID")
        answers = casting.survey.distribution(casting.question.id, culture.country)
        if answers is None:
            raise CultureParkError(f"--stance {speaker}=…: {culture.country_name} was not asked {casting.question.id}")
        stance = stance_from(casting.question, answers, casting.stances[speaker], chosen="given")
    return Seat(persona=persona, culture=culture, role=role, stance=stance, language=casting.language)


def _persona(speaker: str, casting: Casting, place: str) -> Persona:
    roster = casting.roster
    word = casting.seats.get(speaker, speaker)
    if word in roster.personas:
        return roster.personas[word]
    culture, colon, gender = word.partition(":")
    if speaker not in casting.seats:
        raise CultureParkError(
            f"{place}: {speaker!r} is nobody we know; say who it is: --seat '{speaker}=german_sophia' (a persona) or "
            f"--seat '{speaker}=german:female' (a culture and a gender)"
        )
    if culture not in roster.cultures:
        hint = did_you_mean(culture, [*roster.cultures, *roster.personas]) or "; see `culturepark personas list`"
        raise CultureParkError(f"--seat {speaker}={word}: no persona or culture named {culture!r}{hint}")
    if gender not in {"female", "male"}:
        raise CultureParkError(
            f"--seat {speaker}={word}: {'gender ' + repr(gender) + ' is neither' if colon else 'add the gender,'} "
            f"female or male: --seat '{speaker}={culture}:female'"
        )
    try:
        ascii_name(speaker)
    except ValueError as error:
        raise CultureParkError(f"{place}: {error}, or give the seat to a persona: --seat '{speaker}=ID'") from None
    return build(Persona, {"name": speaker, "culture": culture, "gender": gender}, place=f"--seat {speaker}={word}")


def _spoken_by(talk: Transcript, name: str, casting: Casting) -> bool:
    word = casting.seats.get(name, name)
    return any(word == seat.id or name == seat.name for seat in talk.seats)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {dict: "an object", list: "an empty list" if value == [] else "a list", str: "text", bool: "a truth value"}
    return names.get(type(value), f"the number {value}" if isinstance(value, int | float) else type(value).__name__)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
