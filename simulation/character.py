"""What a persona is told: a character sheet held to a stance that people of its country really gave.

Asked to *be* somebody in a chat, a small model agrees with whatever it heard last, or says it is a language
model. Asked to write the *next line of a script* by a person who believes something, and shown two such lines of
another talk, it keeps the stance.
"""

from functools import lru_cache
from importlib.resources import files
from typing import Literal

from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.personas.stance import Stance
from culturepark.runtime.hashing import sha256
from culturepark.runtime.record import Record, build, parse_yaml
from culturepark.runtime.request import Message

COMMON_FROM, MINORITY_BELOW = 0.5, 0.2
Consensus = Literal["common", "usual", "minority", "other_country"]


class Example(Record):
    """One line of another talk, as it is asked for and as it was said."""

    name: str
    person: str
    belief: str
    told: str
    """The belief, said to the speaker."""
    heard: tuple[str, ...]
    """The talk so far, line by line."""
    guidance: str
    said: str

    def asked(self, *, with_belief: bool) -> str:
        """The request for the line, in the shape of a real one."""
        sheet = [self.person, self.belief] if with_belief else [self.person]
        belief = f" {self.told}" if with_belief else ""
        request = _NEXT.format(name=self.name, direction=f" {self.guidance}", belief=belief, again="")
        return "\n".join((*sheet, *self.heard, request))


class Prompts(Record):
    """`prompts/english.yaml`."""

    writer: str
    """What the model is to do, the same for everybody."""
    sheet: str
    examples: tuple[Example, ...]


def demonstration(*, with_belief: bool) -> tuple[Message, ...]:
    """What comes first in every English context, the same for all seats with a stance: the task, and how it is done."""
    prompts = _prompts()
    shown = [
        message
        for example in prompts.examples
        for message in (
            Message(role="user", content=example.asked(with_belief=with_belief)),
            Message(role="assistant", content=example.said),
        )
    ]
    return (Message(role="system", content=prompts.writer), *shown)


def character_sheet(seat: Seat, question: Question) -> str:
    """Describe one seat. Nobody sees another seat's sheet."""
    persona = seat.persona
    text = _prompts().sheet.format(
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
    return sha256([_prompts(), said("N", "T"), announced("G"), _NEXT, _YOU, _BELIEFS])


@lru_cache(maxsize=1)
def _prompts() -> Prompts:
    text = (files(__package__) / "prompts" / "english.yaml").read_text(encoding="utf-8")
    return build(Prompts, parse_yaml(text, place="english.yaml"), place="english.yaml")


_NEXT = "\n[Direction for {name}:{direction}{belief}{again}]\n{name}:"
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
    "common": "Most people in {country} see this as {name} does.",
    "usual": "About {percent} of 100 people in {country} see this as {name} does.",
    "minority": "Only about {percent} of 100 people in {country} see this as {name} does; {name} knows that and stands "
    "by it.",
    "other_country": "{name} knows that this is not how everybody in {country} sees it.",
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
        lines += [_BELIEFS[key].format(**facts) for key in ("stance", consensus(seat.stance, seat))]
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
