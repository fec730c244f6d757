"""What a persona is told: a character sheet held to a stance that people of its country really gave.

Asked to *be* somebody in a chat, a small model agrees with whatever it heard last, or says it is a language
model. Asked to write the *next line of a script* by a person who believes something, it keeps the stance.
"""

from importlib.resources import files
from typing import Literal

from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.personas.stance import Stance
from culturepark.runtime.hashing import sha256

COMMON_FROM, MINORITY_BELOW = 0.5, 0.2
Consensus = Literal["common", "usual", "minority", "other_country"]


def character_sheet(seat: Seat, question: Question) -> str:
    """Write the system prompt of one seat. Nobody sees another seat's sheet."""
    persona = seat.persona
    text = _template().format(
        name=persona.name,
        adult="woman" if persona.gender == "female" else "man",
        country=seat.culture.country_name,
        background=persona.background,
        belief=_belief(seat, question),
        instructions=persona.instructions,
    )
    return "\n".join(line for line in text.splitlines() if line.strip())


def said(name: str, text: str) -> str:
    """How an utterance stands in every context, the speaker's own included: a line of the script."""
    return f"{name}: {text}"


def announced(guidance: str) -> str:
    """How the moderator's words to all stand in every context."""
    return f"(The moderator to all: {guidance})"


def next_line(seat: Seat, *, guidance: str | None = None, again: str = "") -> str:
    """The request for an utterance: it recalls the stance, gives the moderator's whisper, and ends with the name.

    A small model forgets a belief that stands only at the beginning of a long context; here it is read last.
    `again` says what was wrong with the first try.
    """
    belief = f" {as_you(seat.stance.words, name=seat.name)}." if seat.stance else ""
    direction = f" {guidance}" if guidance else ""
    return _NEXT.format(name=seat.name, direction=direction, belief=belief, again=f" {again}" if again else "")


def as_you(words: str, *, name: str) -> str:
    """Say a stance to its holder: `believes that …` becomes `You believe that …`.

    Told of a character in the third person, a small model writes in the third person. Words that begin otherwise are
    left as they are, after the name.
    """
    verb, _, rest = words.partition(" ")
    if verb in _YOU:
        return f"You {_YOU[verb]} {rest}"
    return f"{name} {words}"


def templates_sha256() -> str:
    """Hash of everything that words a prompt: part of a talk's identity."""
    return sha256([_template(), said("N", "T"), announced("G"), _NEXT, _YOU, _BELIEFS])


def _template() -> str:
    return (files(__package__) / "prompts" / "character.md").read_text(encoding="utf-8")


_NEXT = "\n[Direction for {name}:{direction}{belief} Two short sentences, in the first person.{again}]\n{name}:"
_YOU = {
    "agrees": "agree",
    "answers": "answer",
    "believes": "believe",
    "disagrees": "disagree",
    "finds": "find",
    "is": "are",
    "leans": "lean",
    "says": "say",
    "thinks": "think",
}
_BELIEFS = {
    "topic": "The talk is about {topic}.",
    "stance": "{name} {words}.",
    "common": "Most people in {country} answer the same way, and {name} has never doubted it.",
    "usual": "About {percent} of 100 people in {country} answer the same way.",
    "minority": "Only about {percent} of 100 people in {country} answer this way; {name} knows that and stands by it.",
    "other_country": "{name} knows that this is not how everybody in {country} sees it.",
    "firm": "{name} never gives this belief up, and has reasons from life for it.",
}


def _belief(seat: Seat, question: Question) -> str:
    lines = [_BELIEFS["topic"].format(topic=question.topic)]
    if seat.stance is not None:
        facts = {
            "name": seat.persona.name,
            "country": seat.culture.country_name,
            "words": seat.stance.words,
            "percent": percent(seat.stance),
        }
        lines += [_BELIEFS[key].format(**facts) for key in ("stance", consensus(seat.stance, seat), "firm")]
    return "\n".join(lines)


def percent(stance: Stance) -> int:
    """How many of 100 people of the country answer so; never none, since somebody did."""
    return max(1, round(100 * stance.share))


def consensus(stance: Stance, seat: Seat) -> Consensus:
    """How common the answer is among the people the persona knows."""
    if stance.country != seat.culture.country:
        return "other_country"
    if stance.share >= COMMON_FROM:
        return "common"
    return "minority" if stance.share < MINORITY_BELOW else "usual"
