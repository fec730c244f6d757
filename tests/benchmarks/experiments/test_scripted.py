"""The scripted model: it says what it was told to believe, and as a reader it is right about its own words."""

import json
from typing import Any

import pytest

from culturepark.benchmarks.experiments.scripted import DETAILS, SLIPS, reply, side_said
from culturepark.personas.surveys.survey import load_survey
from culturepark.postprocess.claims import claim
from culturepark.postprocess.fence import quoted
from culturepark.simulation.character import as_you

PROUD = load_survey("wvs7").question("Q27")


def told(belief: str, *, seed: int = 0, sheet: str = "") -> dict[str, Any]:
    line = f"\n[Direction for Abdul: Say what you think. {belief}]\nAbdul:"
    return {"messages": [{"role": "user", "content": sheet}, {"role": "user", "content": line}], "seed": seed}


def test_a_speaker_voices_the_belief_it_was_told_and_slips_as_often_as_planned() -> None:
    belief = f"{as_you(PROUD.words[1], name='Abdul')}."
    voiced = [side_said(reply(told(belief, seed=seed))) for seed in range(400)]
    sides = [one.side for one in voiced if one is not None]

    assert len(sides) == 400
    assert sides.count("above") / 400 == pytest.approx(SLIPS, abs=0.05)
    assert reply(told(belief, seed=1)) == reply(told(belief, seed=1))


def test_without_a_belief_a_speaker_says_what_most_at_home_say() -> None:
    answers = load_survey("wvs7").distribution(PROUD.id, "USA")
    assert answers is not None
    said = [side_said(reply(told("", seed=seed, sheet=f"The talk is about {PROUD.topic}."))) for seed in range(50)]

    held = [one.side for one in said if one is not None]
    assert len(held) == 50
    assert held.count(PROUD.scale.side(answers.mode)) > 30


def test_without_anything_a_speaker_takes_no_side() -> None:
    said = reply(told(""))

    assert side_said(said) is None
    assert said.partition(".")[0] in DETAILS


@pytest.mark.parametrize(
    ("code", "side", "label"),
    [
        pytest.param(1, "below", "Yes", id="own-side"),
        pytest.param(4, "below", "No", id="other-side"),
        pytest.param(3, "above", "Yes", id="own-side-above"),
    ],
)
def test_the_judge_is_right(code: int, side: Any, label: str) -> None:
    premise = f"{as_you(PROUD.words[code], name='I').replace('You are', 'I am').replace('You', 'I')}. We spoke of it."
    asked = f"{quoted(premise)} Question: does this imply that {quoted(claim(PROUD, side))}? Answer Yes, No or Maybe."

    assert reply({"messages": [{"role": "user", "content": asked}]}) == label


def test_the_judge_says_maybe_of_what_it_does_not_know() -> None:
    asked = '"I like tea." Question: does this imply that "people should live for goals of their own"? Answer Yes, No or Maybe.'

    assert reply({"messages": [{"role": "user", "content": asked}]}) == "Maybe"


def test_the_reader_takes_every_sentence_that_is_no_question() -> None:
    asked = 'The survey question: x\nAbdul said:\n[1] "I like tea."\n[2] "And you?"\n[3] "My uncle does."'
    body = {
        "messages": [{"role": "user", "content": asked}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "extract", "schema": {}}},
    }

    assert [one["sentence"] for one in json.loads(reply(body))["opinions"]] == [1, 3]


def test_the_writer_puts_the_belief_in_the_place_of_what_was_said() -> None:
    asked = 'The belief: "I believe that tea is good."\nThe statement: "I hate tea. My uncle does, too."\nWrite it in English.'
    body = {
        "messages": [{"role": "user", "content": asked}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "rewrite", "schema": {}}},
    }

    assert json.loads(reply(body)) == {"text": "I believe that tea is good. My uncle does, too."}
