"""Protocol scripts: every word of the form, what is refused and how, and that they end with everybody heard."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from culturepark.protocols import ProtocolError, load_protocol
from culturepark.protocols.conformance import assert_conforms
from culturepark.protocols.script import ScriptFactory
from culturepark.protocols.trial import Step, drive, echo, trial_cast
from culturepark.runtime.errors import CultureParkError

TWO_ROUNDS = """
name: two-rounds
rounds:
  - {speaker: delegates, guidance: "Say what you think, and why."}
  - {speaker: main_contact, guidance: "Do you agree? Ask about a custom."}
repeat: 3
"""


def held(text: str, *, seats: int = 3, **args: Any) -> list[Step]:
    """Three seats are Lily, Abdul and Ananya, five have Wei and Sophia besides."""
    steps, ended = asyncio.run(drive(ScriptFactory(text, place="s.yaml")(**args), trial_cast(seats).scene(), say=echo))
    assert ended
    return steps


def names(text: str, *, seats: int = 3, **args: Any) -> str:
    return " ".join(step.cue.speaker.name for step in held(text, seats=seats, **args))


def test_the_script_of_the_design_runs_as_written() -> None:
    steps = held(TWO_ROUNDS)

    assert [(step.cue.speaker.name, step.cue.guidance) for step in steps[:4]] == [
        ("Abdul", "Say what you think, and why."),
        ("Ananya", "Say what you think, and why."),
        ("Lily", "Do you agree? Ask about a custom."),
        ("Abdul", "Say what you think, and why."),
    ]
    assert len(steps) == 9


@pytest.mark.parametrize(
    ("script", "args", "expected"),
    [
        pytest.param("rounds: [{speaker: everyone}]", {}, "Lily Abdul Ananya", id="once-unless-told-otherwise"),
        pytest.param("rounds: [{speaker: everyone}]", {"opener": "delegate"}, "Abdul Ananya Lily", id="from-the-opener-on"),
        pytest.param("rounds: [{speaker: everyone}]", {"opener": 3}, "Ananya Lily Abdul", id="seat-numbers-from-1"),
        pytest.param("rounds: [{speaker: main_contact}, {speaker: delegates}]", {"opener": "bengali_ananya"},
                     "Ananya Lily Abdul", id="the-opener-takes-the-main-contacts-part"),
        pytest.param("rounds: [{speaker: main_contact}, {speaker: next delegate}]\nrepeat: 3", {},
                     "Lily Abdul Lily Ananya Lily Abdul", id="next-delegate-is-who-spoke-least"),
        pytest.param("rounds: [{speaker: 2}, {speaker: next delegate}, {speaker: arabic_abdul}, {speaker: main_contact}]", {},
                     "Abdul Ananya Abdul Lily", id="a-seats-number-or-a-persona"),
        pytest.param("rounds: [{speaker: next speaker}]\nuntil: {turns: 5}", {}, "Lily Abdul Lily Ananya Lily",
                     id="next-speaker-alternates"),
        pytest.param("opening: [{speaker: 2}]\nrounds: [{speaker: next speaker}]\nuntil: {turns: 4}", {},
                     "Abdul Lily Ananya Lily", id="next-speaker-after-a-delegate"),
        pytest.param("opening: [{speaker: main_contact}]\nrounds: [{speaker: delegates}]\nclosing: [{speaker: main_contact}]\n"
                     "repeat: 2", {}, "Lily Abdul Ananya Abdul Ananya Lily", id="opening-and-closing-once"),
        pytest.param("rounds: [{speaker: delegates}]\nclosing: [{speaker: main_contact}]\nuntil: {turns: 4}", {},
                     "Abdul Ananya Abdul Lily", id="turns-counts-the-closing-in"),
        pytest.param("opening: [{speaker: everyone}]\nrounds: [{speaker: 1}]\nclosing: [{speaker: 3}]\nuntil: {turns: 2}", {},
                     "Lily Abdul", id="turns-may-cut-the-opening"),
        pytest.param("rounds: [{speaker: main_contact}, {speaker: next delegate}]\nuntil: {everyone_spoke: 2}", {},
                     "Lily Abdul Lily Ananya Lily Abdul Lily Ananya", id="until-everyone-spoke"),
        pytest.param("opening: [{speaker: everyone}]\nrounds: [{speaker: everyone}]\nuntil: {everyone_spoke: 1}", {},
                     "Lily Abdul Ananya", id="looked-at-before-the-first-round-too"),
        pytest.param("rounds: [{speaker: everyone}]\nrepeat: 5\nuntil: {everyone_spoke: 2, turns: 5}", {},
                     "Lily Abdul Ananya Lily Abdul", id="whichever-comes-first"),
        pytest.param("arguments: {times: 2}\nrounds: [{speaker: main_contact}, {speaker: 2}]\nrepeat: times", {},
                     "Lily Abdul Lily Abdul", id="an-argument-has-its-default"),
        pytest.param("arguments: {times: 2}\nrounds: [{speaker: main_contact}, {speaker: 2}]\nrepeat: times", {"times": 1},
                     "Lily Abdul", id="an-argument-is-replaced"),
    ],
)  # fmt: skip
def test_who_speaks(script: str, args: dict[str, Any], expected: str) -> None:
    assert names(f"name: s\n{script}", **args) == expected


def test_lists_of_guidance_take_turns_and_placeholders_are_filled() -> None:
    text = (
        "name: s\nrounds:\n  - speaker: main_contact\n    guidance: ['Ask {next} about {topic}.', 'Answer {other}.']\n"
        "    private: false\n  - {speaker: next delegate, guidance: 'Tell {other} how it is in {country}.'}\nrepeat: 3\n"
    )
    steps = held(text)

    assert [(step.cue.guidance, step.cue.private) for step in steps] == [
        ("Ask Abdul about making one's parents proud.", False),
        ("Tell Lily how it is in Jordan.", True),
        ("Answer Abdul.", False),
        ("Tell Lily how it is in Bangladesh.", True),
        ("Ask Abdul about making one's parents proud.", False),
        ("Tell Lily how it is in Jordan.", True),
    ]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("", "s.yaml: the file is empty"),
        ("- a", "s.yaml: expected fields and values, found list"),
        ("name: [s", "s.yaml:1: expected ',' or ']', but got '<stream end>'; correct the YAML"),
        ("rounds: [{speaker: everyone}]", "s.yaml: field 'name' is missing"),
        ("name: s", "s.yaml: field 'rounds' is missing"),
        ("name: s\nrounds: []", "s.yaml: rounds: there is nothing in it; write at least `- {speaker: everyone}`"),
        ("name: s\nround: []", "s.yaml: unknown field 'round'; did you mean 'rounds'? (and 1 more)"),
        ("name: s\nrounds: [{speeker: everyone}]", "s.yaml: unknown field 'rounds.0.speeker'; did you mean 'speaker'? (and 1 more)"),
        ("name: s\nrounds: [{speaker: delegats}]", "s.yaml: rounds.0.speaker: no speaker 'delegats'; did you mean 'delegates'?; "
         "write main_contact, delegates, everyone, next delegate, next speaker, a seat's number from 1, or a persona id"),
        ("name: s\nrounds: [{speaker: 0}]", "s.yaml: rounds.0.speaker: no speaker 0; write main_contact, delegates, everyone, "
         "next delegate, next speaker, a seat's number from 1, or a persona id"),
        ("name: s\nrounds: [{speaker: everyone, guidance: 'About {topik}'}]",
         "s.yaml: rounds.0.guidance: no placeholder {topik}; did you mean 'topic'?; known: {topic}, {other}, {next}, {country}"),
        ("name: s\nrounds: [{speaker: everyone, guidance: '{other.persona}'}]",
         "s.yaml: rounds.0.guidance: no placeholder {other.persona}; known: {topic}, {other}, {next}, {country}"),
        ("name: s\nrounds: [{speaker: everyone, guidance: 'a { b'}]",
         "s.yaml: rounds.0.guidance: 'a { b': expected '}' before end of string; write {{ and }} for braces, or one of "
         "{topic}, {other}, {next}, {country}"),
        ("name: s\nrounds: [{speaker: everyone, guidance: ' '}]",
         "s.yaml: rounds.0.guidance: the text is empty; leave guidance out for silence"),
        ("name: s\nrounds: [{speaker: everyone, guidance: [5]}]",
         "s.yaml: rounds.0.guidance: 5 is no text; write one, or a text per language (`en: ..., tr: ...`)"),
        ("name: s\nrounds: [{speaker: everyone, guidance: {tr: Merhaba}}]",
         "s.yaml: rounds.0.guidance: there is no `en`, which is said to everybody whose language is missing; add it"),
        ("name: s\nrounds: [{speaker: everyone, guidance: {en: Hi, Turkish: Merhaba}}]",
         "s.yaml: rounds.0.guidance: 'Turkish' is no language tag (BCP 47); write for example `tr` or `pt-BR`"),
        ("name: s\nrounds: [{speaker: everyone}]\nrepeat: 0",
         "s.yaml: repeat: 0 is no number from 1 to 200, and no name of an argument"),
        ("name: s\nrounds: [{speaker: everyone}]\nrepeat: tims\narguments: {times: 2}",
         "s.yaml: repeat = 'tims' is no argument of this script; did you mean 'times'?"),
        ("name: s\nrounds: [{speaker: everyone}]\nuntil: {turns: t}",
         "s.yaml: until.turns = 't' is no argument of this script; write a number, or add `arguments: {t: 3}`"),
        ("name: s\nrounds: [{speaker: everyone}]\nuntil: {turn: 3}", "s.yaml: unknown field 'until.turn'; did you mean 'turns'?"),
        ("name: s\nrounds: [{speaker: everyone}]\narguments: {times: 2}",
         "s.yaml: argument 'times' is never used; name it in `repeat` or `until`"),
        ("name: s\nrounds: [{speaker: everyone}]\narguments: {opener: 2}\nrepeat: opener",
         "s.yaml: arguments: 'opener' cannot name an argument; write a word other than `opener`"),
        ("name: s\nrounds: [{speaker: main_contact}]\nuntil: {everyone_spoke: 1}",
         "s.yaml: until.everyone_spoke may never hold, because the rounds do not let everybody speak; "
         "let `everyone` speak in a round, or give `repeat` or `until.turns` as well"),
        ("name: s\nrounds: [{speaker: next speaker}, {speaker: 1}]\nuntil: {everyone_spoke: 1}",
         "s.yaml: until.everyone_spoke may never hold, because the rounds do not let everybody speak; "
         "let `everyone` speak in a round, or give `repeat` or `until.turns` as well"),
    ],
)  # fmt: skip
def test_a_script_that_is_wrong_is_refused_in_one_line(script: str, message: str) -> None:
    with pytest.raises(CultureParkError) as caught:
        ScriptFactory(script, place="s.yaml")

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("script", "args", "message"),
    [
        ("rounds: [{speaker: 4}, {speaker: everyone}]", {},
         "talk trial, turn 0: s.yaml: nobody has the seat '4'; seated are english_lily, arabic_abdul, bengali_ananya"),
        ("rounds: [{speaker: everyone}, {speaker: korean_joon}]", {},
         "talk trial, turn 0: s.yaml: nobody has the seat 'korean_joon'; seated are english_lily, arabic_abdul, bengali_ananya"),
        ("rounds: [{speaker: everyone}]", {"opener": "arabic_abdol"},
         "talk trial, turn 0: nobody has the seat 'arabic_abdol'; did you mean 'arabic_abdul'?; "
         "seated are english_lily, arabic_abdul, bengali_ananya"),
        ("rounds: [{speaker: everyone}]\nrepeat: 70", {}, "talk trial, turn 0: s.yaml: with 3 seats the script takes 210 turns, "
         "and a talk has at most 200; lower `repeat` (70)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_people_ends_the_talk_with_one_line(
    script: str, args: dict[str, Any], message: str
) -> None:
    with pytest.raises(ProtocolError) as caught:
        held(f"name: s\n{script}", **args)

    assert str(caught.value) == message


def test_a_script_file_is_loaded_and_conforms(tmp_path: Path) -> None:
    file = tmp_path / "two-rounds.yaml"
    file.write_text(TWO_ROUNDS, encoding="utf-8")

    assert_conforms(lambda: load_protocol(str(file)).protocol)


SPEAKERS = st.sampled_from(["main_contact", "delegates", "everyone", "next delegate", "next speaker", 1, 2])
STEPS = st.lists(st.fixed_dictionaries({"speaker": SPEAKERS}, optional={"guidance": st.just("Go, {next}."), "private": st.booleans()}),
                 max_size=3)  # fmt: skip
SMALL = st.integers(1, 6)


@settings(deadline=None, max_examples=150)
@given(
    opening=STEPS,
    rounds=STEPS.filter(bool),
    closing=STEPS,
    until=st.fixed_dictionaries({}, optional={"turns": st.integers(1, 40), "everyone_spoke": SMALL}),
    repeat=st.none() | SMALL,
    seats=st.sampled_from([2, 3, 5]),
    opener=st.sampled_from(["main_contact", "delegate", 2]),
)
def test_any_script_ends_and_goes_on_from_any_turn(
    opening: list[Any],
    rounds: list[Any],
    closing: list[Any],
    until: dict[str, int],
    repeat: int | None,
    seats: int,
    opener: str | int,
) -> None:
    written = {"name": "s", "opening": opening, "rounds": rounds, "closing": closing, "until": until}
    if repeat is not None:
        written["repeat"] = repeat
    try:
        factory = ScriptFactory(yaml.safe_dump(written), place="s.yaml")
    except CultureParkError as error:
        assume("everyone_spoke may never hold" not in str(error))
        raise
    steps, ended = asyncio.run(drive(factory(opener=opener), trial_cast(seats).scene(), say=echo))

    assert ended
    if "turns" in until:
        assert len(steps) <= until["turns"]
    if until == {"everyone_spoke": until.get("everyone_spoke")} and repeat is None:
        spoken = [step.cue.speaker.id for step in steps]
        assert all(spoken.count(seat.id) >= until["everyone_spoke"] for seat in trial_cast(seats).seats)
