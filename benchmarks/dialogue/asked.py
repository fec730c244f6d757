"""What models are asked about a talk. Probes go to the speaker, off the record; the judge reads single utterances."""

from collections.abc import Iterable, Sequence
from string import ascii_uppercase
from typing import Final, NamedTuple

from culturepark.benchmarks.asking import Answer, Closed
from culturepark.benchmarks.dialogue.patterns import masked
from culturepark.benchmarks.dialogue.readings import BEFORE, Meter, Placed, Reading, expected_place, sure_codes
from culturepark.benchmarks.dialogue.settings import Measure
from culturepark.benchmarks.dialogue.topics import NO_KIND, SUB_KINDS, Labelled
from culturepark.benchmarks.task import Task, load_task
from culturepark.personas.culture import Culture
from culturepark.personas.language import ENGLISH
from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.personas.surveys.survey import Survey
from culturepark.postprocess.fence import quoted
from culturepark.postprocess.stance_mix import place
from culturepark.protocols.turn import Turn
from culturepark.runtime.request import Message
from culturepark.simulation.memory import in_mind
from culturepark.simulation.transcript import Transcript
from culturepark.training.prompt import question_in, scale_prompt

UNDERSTANDINGS: Final = {
    "understands": "it takes up what the first person holds or does, and why",
    "ignores": "it goes on as if nothing had been said",
    "misreads": "it ascribes to the first person something that was not said",
}
OUTRIGHT: Final = "I am somebody who {words}."
ONLY = "only"
"""Wording in which the suite `opinions` asks for the number of an answer and nothing else."""


class Ask(NamedTuple):
    """A question about one turn of a talk."""

    talk: Transcript
    turn: int
    """Index of the utterance said last, or `BEFORE`."""
    seat: str
    measure: Measure
    question: Question
    closed: Closed


def siblings(question: Question, survey: Survey) -> list[Question]:
    """Other items of a question's battery, from the one after it round to the one before it."""
    battery = [one for one in survey.questions.values() if one.battery == question.battery]
    ids = [one.id for one in battery]
    if question.id not in ids:
        return battery
    at = ids.index(question.id)
    return [*battery[at + 1 :], *battery[:at]]


def probes(talk: Transcript, survey: Survey, meter: Meter) -> list[Ask]:
    """Questions to each speaker after each of its utterances, and for `near` before the talk.

    A probe is the speaker's own context with one more message. It is sent beside the talk and written nowhere in it:
    nothing that is said later has heard of it.

    Returns:
        Nothing for `near` where the battery has no other item.
    """
    wanted = [talk.seed] if meter == "told" else siblings(talk.seed, survey)[:1]
    asks: list[Ask] = []
    for question in wanted:
        if meter == "near":
            asks += [_probe(talk, BEFORE, seat, question, survey, meter) for seat in talk.seats]
        asks += [_probe(talk, turn.index, talk.seat(turn.speaker), question, survey, meter) for turn in talk.turns]
    return asks


def _probe(talk: Transcript, turn: int, seat: Seat, question: Question, survey: Survey, meter: Meter) -> Ask:
    asked = question_in(survey, question.id, seat.language)
    instruction = load_task("culturepark.benchmarks.opinions").prompt(ONLY, seat.language)
    _, put = scale_prompt(asked, seat.culture, instruction=instruction)
    context = in_mind(seat, talk.seats, talk.seed, talk.turns[: turn + 1])
    codes = question.scale.codes
    closed = Closed(
        id=f"{talk.id}/{turn}/{seat.id}/{meter}",
        messages=(*context, Message(role="user", content=f"\n{put.content}\n{seat.name}:")),
        options=tuple(str(code) for code in codes),
        meanings=tuple(asked.labels[code] for code in codes) if len(asked.labels) == len(codes) else (),
    )
    return Ask(talk, turn, seat.id, meter, question, closed)


def hearings(talk: Transcript, task: Task, cultures: Iterable[Culture]) -> list[Ask]:
    """For the judge: which answer each utterance stands for. It sees that utterance and the question, nothing else."""
    question = talk.seed
    words = [_printed(question, code) for code in question.scale.codes]
    options = [*words, task.prompt("silent", ENGLISH)]
    return [
        _judged(talk, turn, "heard", options, task, question=question.text[ENGLISH], said=masked(turn, talk, cultures))
        for turn in talk.turns
    ]


def control_asks(talks: Sequence[Transcript], task: Task) -> list[Ask]:
    """For the judge: every answer of the talks' questions, said outright; who misplaces these hears no talk."""
    first = {talk.seed.id: talk for talk in reversed(talks)}
    asks: list[Ask] = []
    for name, talk in sorted(first.items()):
        for code in sure_codes(talk.seed.scale):
            options = [*(_printed(talk.seed, one) for one in talk.seed.scale.codes), task.prompt("silent", ENGLISH)]
            text = {"question": talk.seed.text[ENGLISH], "said": OUTRIGHT.format(words=talk.seed.words[code])}
            closed = _closed(f"control/{name}/{code}", "heard", options, task, **text)
            asks.append(Ask(talk, BEFORE, str(code), "control", talk.seed, closed))
    return asks


def kind_asks(talk: Transcript, task: Task, cultures: Iterable[Culture]) -> list[Ask]:
    """For the judge: what kind of belief, norm or custom each utterance tells of."""
    return [
        _judged(talk, turn, "kinds", list(task.labels), task, said=masked(turn, talk, cultures)) for turn in talk.turns
    ]


def understanding_asks(talk: Transcript, task: Task, cultures: Iterable[Culture]) -> list[Ask]:
    """For the judge: whether a reply to somebody of another country shows understanding."""
    asks: list[Ask] = []
    for before, turn in zip(talk.turns, talk.turns[1:], strict=False):
        one, other = talk.seat(before.speaker), talk.seat(turn.speaker)
        if one.culture.country != other.culture.country:
            said, heard = masked(turn, talk, cultures), quoted(masked(before, talk, cultures))
            options = list(UNDERSTANDINGS.values())
            asks.append(_judged(talk, turn, "understanding", options, task, said=said, before=heard))
    return asks


def _judged(
    talk: Transcript, turn: Turn, measure: Measure, options: Sequence[str], task: Task, *, said: str, **facts: str
) -> Ask:
    closed = _closed(f"{talk.id}/{turn.index}/{measure}", measure, options, task, said=said, **facts)
    return Ask(talk, turn.index, turn.speaker, measure, talk.seed, closed)


def _closed(name: str, measure: Measure, options: Sequence[str], task: Task, *, said: str, **facts: str) -> Closed:
    letters = ascii_uppercase[: len(options)]
    listed = "\n".join(f"{letter}: {words}" for letter, words in zip(letters, options, strict=True))
    text = task.prompt(measure, ENGLISH).format(options=listed, said=quoted(said), **facts)
    messages = (Message(role="system", content=task.prompt("judge", ENGLISH)), Message(role="user", content=text))
    return Closed(id=name, messages=messages, options=tuple(letters), meanings=tuple(options))


def _printed(question: Question, code: int) -> str:
    """An answer as the survey prints it; a ten-point scale labels only its ends."""
    label = question.scale.labels.get(code)
    if len(question.scale.labels) == len(question.scale.codes):
        return str(label)
    return f"{code} ({label})" if label else str(code)


def read_stance(ask: Ask, answer: Answer) -> Reading:
    """What a meter read. Silence, "hard to say" and unreadable replies have no place."""
    scale = ask.question.scale
    code = scale.codes[answer.choice] if answer.choice is not None and answer.choice < len(scale.codes) else None
    at: float | None = None
    if code in sure_codes(scale) and scale.ordinal:
        assert code is not None
        # The judge's last option is silence; probes have none, and then all shares are those of codes.
        shares = None if answer.shares is None else dict(zip(scale.codes, answer.shares, strict=False))
        at = place(scale, code) if shares is None else expected_place(scale, shares)
    assert ask.measure in {"told", "near", "heard"}
    return Reading(
        talk=ask.talk.id,
        turn=ask.turn,
        seat=ask.seat,
        meter=ask.measure,
        question=ask.question.id,
        kind=answer.kind,
        code=code,
        place=at,
    )


def read_control(ask: Ask, answer: Answer) -> Placed:
    """Whether the judge put a sentence that says a stance outright on its side of the scale."""
    scale, code = ask.question.scale, int(ask.seat)
    read = scale.codes[answer.choice] if answer.choice is not None and answer.choice < len(scale.codes) else None
    right = read is not None and (scale.side(read) == scale.side(code) if scale.ordinal else read == code)
    return Placed(question=ask.question.id, code=code, read=read, right=right)


def read_label(ask: Ask, answer: Answer) -> Labelled:
    """What the judge called an utterance."""
    labels = (*SUB_KINDS, NO_KIND) if ask.measure == "kinds" else tuple(UNDERSTANDINGS)
    label = None if answer.choice is None else labels[answer.choice]
    return Labelled(talk=ask.talk.id, turn=ask.turn, seat=ask.seat, kind=answer.kind, label=label)
