"""A scripted model for questions about our own instruments: what a speaker holds is known, so meters can be checked.

It is no language model and says nothing of any people. Told a belief, it voices that belief, sometimes slips to the
other side, and repeats itself; told none, it answers as most people in the United States do, which is the bias that
self-calibration is there to take away. As a reader it finds every sentence that is no question; as a judge it is right
about its own sentences. Replies depend on the request alone.
"""

import json
import random
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from culturepark.personas.question import Question, Side
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.postprocess.claims import claim, mildest, sides
from culturepark.postprocess.fence import quoted
from culturepark.runtime.hashing import seed_from
from culturepark.simulation.character import as_you
from culturepark.training.prompt import question_in, scale_prompt

SLIPS: Final = 0.2
"""Share of utterances that are on another side than the speaker's belief."""
HOME: Final = "USA"
"""Whose commonest answer somebody without a belief gives."""
_PAIR = re.compile(r'"(.*)" Question: does this imply that "(.*)"\? Answer Yes, No or Maybe\.', re.DOTALL)
_SENTENCE = re.compile(r'^\[(\d+)\] "(.*)"$', re.MULTILINE)
_STATEMENT = re.compile(r'^The statement: "(.*)"$', re.MULTILINE)
_BELIEF = re.compile(r'^The belief: "(.*)"$', re.MULTILINE)
_I: Final = {"You are ": "I am ", "You ": "I "}
DETAILS: Final = (
    "My grandmother taught me that at her kitchen table",
    "I saw it again last winter when my neighbor fell ill",
    "My brother argues with me about it every Friday",
    "At work people nod when I say so",
    "It was so when the factory closed, and it is so today",
)
"""Few, so that there is something to merge."""
QUESTIONS: Final = ("And how is that where you live?", "What would your mother say to that?", "Why is that so?")


_HEARD: Final = re.compile(
    r'^Survey question: (.*)\nAnswers:\n(.*?)\n\nThe person said: "(.*)"$', re.DOTALL | re.MULTILINE
)


class Phrase(NamedTuple):
    """Words that put whoever says them on a side of a question."""

    text: str
    question: str
    side: Side
    code: int


def reply(body: Mapping[str, Any]) -> str:
    """Answer a request in the shape of the chat-completions API: JSON by its schema, a label, or an utterance."""
    asked = str(body["messages"][-1]["content"])
    name = ((body.get("response_format") or {}).get("json_schema") or {}).get("name")
    if name == "extract":
        return _extracted(asked)
    if name in {"rewrite", "voice"}:
        return _reworded(asked)
    if (pair := _PAIR.search(asked)) is not None:
        return _judged(pair[1], pair[2])
    if (heard := _HEARD.search(asked)) is not None:
        return _heard(heard[1], heard[2], heard[3])
    everything = "\n".join(str(message["content"]) for message in body["messages"])
    if (probed := next((one for one in _asked() if one[0] in asked), None)) is not None:
        return str(_answered(probed[1], everything))
    return _spoken(body, asked, everything)


def side_said(text: str, question: str | None = None) -> Phrase | None:
    """The last belief that a text voices, of a question where one is given."""
    found = [
        (text.rfind(phrase.text), len(phrase.text), phrase)
        for phrase in phrases()
        if question in {None, phrase.question} and phrase.text in text
    ]
    return max(found)[2] if found else None


@lru_cache(maxsize=1)
def phrases() -> tuple[Phrase, ...]:
    """How each answer to each seed question is said in the first person."""
    made: dict[tuple[str, str], Phrase] = {}
    for question in _questions():
        for code, words in question.words.items():
            text = _first_person(words)
            made[text, question.id] = Phrase(quoted(text)[1:-1], question.id, question.scale.side(code), code)
        for side in sides(question):
            held = claim(question, side)
            text = f"I believe that {held}"
            made.setdefault((text, question.id), Phrase(quoted(text)[1:-1], question.id, side, mildest(question, side)))
    return tuple(made.values())


def _questions() -> list[Question]:
    return [question for question in load_survey("wvs7").questions.values() if question.same_as is None]


def _first_person(words: str) -> str:
    said = as_you(words, name="I").replace("I neither agrees nor disagrees", "I neither agree nor disagree")
    for begins, mine in _I.items():
        if said.startswith(begins):
            return mine + said.removeprefix(begins)
    return said


@lru_cache(maxsize=1)
def _told() -> tuple[tuple[str, Question, int], ...]:
    """Beliefs as the request for a line recalls them, the longest first: some begin like others."""
    found = [
        (as_you(words, name=""), question, code) for question in _questions() for code, words in question.words.items()
    ]
    return tuple(sorted(found, key=lambda one: -len(one[0])))


@lru_cache(maxsize=1)
def _claims() -> Mapping[str, tuple[str, Side]]:
    """Every claim that a judge is asked about, with question and side."""
    return {quoted(claim(one, side))[1:-1]: (one.id, side) for one in _questions() for side in sides(one)}


def _spoken(body: Mapping[str, Any], asked: str, everything: str) -> str:
    draw = random.Random(seed_from(body.get("seed"), everything))
    held = next(((question, code) for words, question, code in _told() if words.strip() in asked), None)
    if held is None:
        held = _without_belief(everything)
    if held is None:
        return f"{draw.choice(DETAILS)}. {draw.choice(QUESTIONS)}"
    question, code = held
    if draw.random() < SLIPS:
        others = [side for side in sides(question) if side not in {question.scale.side(code), "unsure", "mid"}]
        code = mildest(question, draw.choice(others)) if others else code
    line = f"{_first_person(question.words[code])}. {draw.choice(DETAILS)}."
    return f"{line} {draw.choice(QUESTIONS)}" if draw.random() < 0.3 else line


@lru_cache(maxsize=1)
def _asked() -> tuple[tuple[str, Question], ...]:
    """Questions as a probe puts them, scale included: a talk about one mentions no scale."""
    survey = load_survey("wvs7")
    culture = load_roster().cultures["english"]
    found = [
        (scale_prompt(question_in(survey, one.id, "en"), culture, instruction=" ")[1].content.strip(), one)
        for one in _questions()
    ]
    return tuple(sorted(found, key=lambda one: -len(one[0])))


def _answered(question: Question, everything: str) -> int:
    """A speaker's answer to a probe: its belief, an answer on the same side to other items, at home's without one."""
    survey = load_survey("wvs7")
    held = next(((about, code) for words, about, code in _held() if words in everything), None)
    if held is None:
        answers = survey.distribution(question.id, HOME) if question.split == "seed" else None
        return answers.mode if answers is not None else question.scale.codes[0]
    about, code = held
    if about.id == question.id:
        return code
    side = about.scale.side(code)
    return mildest(question, side) if side in sides(question) else question.scale.codes[0]


@lru_cache(maxsize=1)
def _held() -> tuple[tuple[str, Question, int], ...]:
    """Beliefs as a character sheet tells them, the longest first."""
    found = [(f" {words}.", question, code) for question in _questions() for code, words in question.words.items()]
    return tuple(sorted(found, key=lambda one: -len(one[0])))


def _heard(question: str, options: str, said: str) -> str:
    """The letter of the answer that an utterance stands for, else of silence, which is the last."""
    letters = [line[0] for line in options.splitlines()]
    about = next((one for one in _questions() if one.text["en"] == question), None)
    voiced = side_said(said, about.id) if about is not None else None
    if about is None or voiced is None:
        return letters[-1]
    return letters[about.scale.codes.index(voiced.code)]


def _without_belief(everything: str) -> tuple[Question, int] | None:
    """The commonest answer at home to what the talk is about."""
    survey = load_survey("wvs7")
    for question in _questions():
        if question.split == "seed" and f"The talk is about {question.topic}." in everything:
            answers = survey.distribution(question.id, HOME)
            return None if answers is None else (question, answers.mode)
    return None


def _extracted(asked: str) -> str:
    found = [
        {"sentence": int(number), "about": "own", "kind": "value"}
        for number, text in _SENTENCE.findall(asked)
        if not text.endswith("?")
    ]
    return json.dumps({"opinions": found})


def _reworded(asked: str) -> str:
    statement, belief = _STATEMENT.search(asked), _BELIEF.search(asked)
    said = statement[1] if statement is not None else ""
    if belief is None:
        return json.dumps({"text": f"I say: {said}"}, ensure_ascii=False)
    held = belief[1].rstrip(".")
    detail = said.partition(". ")[2]
    return json.dumps({"text": f"{held}. {detail}" if detail else f"{held}."}, ensure_ascii=False)


def _judged(premise: str, hypothesis: str) -> str:
    about = _claims().get(hypothesis)
    if about is None:
        other = side_said(hypothesis)
        about = (other.question, other.side) if other is not None else None
    said = side_said(premise, about[0]) if about is not None else None
    if about is None or said is None:
        return "Maybe"
    if said.side == about[1]:
        return "Yes"
    return "Maybe" if {said.side, about[1]} & {"unsure", "mid"} else "No"
