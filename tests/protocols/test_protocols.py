"""Shipped protocols, each as a table of cues; and how a name becomes a protocol."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from culturepark.personas.casting import CastSettings, cast_talks
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.protocols import Cue, Scene, list_protocols, load_protocol
from culturepark.protocols.base import Asker
from culturepark.protocols.catalogue import find_protocol
from culturepark.protocols.conformance import assert_conforms
from culturepark.protocols.trial import TrialCast, drive, echo, naming, trial_cast
from culturepark.runtime.errors import CultureParkError
from tests.conftest import ROOT

SHIPPED = ["consensus", "debate", "free-chat", "interview", "round-table", "selector", "self-guidance"]
LANGUAGES = {"en", "ar", "bn", "zh", "de", "ko", "pt", "es", "tr"}


def cues(
    name: str,
    args: Mapping[str, Any] | None = None,
    *,
    seats: int = 3,
    cast: TrialCast | None = None,
    asker: Asker | None = None,
) -> list[Cue]:
    """All cues of a trial talk. Three seats are english_lily, arabic_abdul and bengali_ananya."""
    cast = cast or trial_cast(seats)
    scene = cast.scene(asker=asker or naming(cast.seats))
    steps, ended = asyncio.run(drive(load_protocol(name, args).protocol, scene, say=echo))
    assert ended
    return [step.cue for step in steps]


def table(found: list[Cue]) -> list[tuple[str, str | None]]:
    return [(cue.speaker.name, cue.guidance) for cue in found]


def test_the_shipped_protocols_are_listed_with_their_arguments() -> None:
    assert [(found.name, found.kind, found.arguments) for found in list_protocols()] == [
        ("consensus", "script", "attempts=2, opener=main_contact"),
        ("debate", "script", "rebuttals=2, opener=main_contact"),
        ("free-chat", "class", "turns=14, opener=main_contact"),
        ("interview", "script", "exchanges=6, opener=main_contact"),
        ("round-table", "script", "times=1, opener=main_contact"),
        ("selector", "class", "turns=14, opener=main_contact"),
        ("self-guidance", "script", "turns=14, opener=main_contact"),
    ]


@pytest.mark.parametrize("opener", ["main_contact", "delegate", 2])
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_protocols_conform_whoever_opens(name: str, opener: str | int) -> None:
    found = find_protocol(name)

    assert_conforms(lambda: found.make({"opener": opener}))


@pytest.mark.parametrize("opener", ["english_lily", "arabic_abdul", "bengali_ananya"])
@pytest.mark.parametrize("name", SHIPPED)
def test_any_seat_may_open(name: str, opener: str) -> None:
    spoken = [cue.speaker.id for cue in cues(name, {"opener": opener})]

    assert spoken[0] == opener
    assert set(spoken) == {"english_lily", "arabic_abdul", "bengali_ananya"}


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("cast", [
    {"cast": "cross", "genders": "female"}, {"cast": "cross", "genders": "male"}, {"cast": "cross", "genders": "mixed"},
    {"cast": "in-culture", "genders": "alternate"}, {"cast": "panel", "panel_size": 4, "stance": "none"},
])  # fmt: skip
def test_every_cast_and_gender_pairing_is_led_to_an_end(name: str, cast: dict[str, Any]) -> None:
    asked = CastSettings.model_validate({"questions": ["Q27"], "talks": 8, **cast})
    for talk in cast_talks(asked, load_roster(), load_survey("wvs7"), seed=3).talks:
        found = cues(name, cast=TrialCast("", talk.seats, talk.question))
        assert {cue.speaker.id for cue in found} == {seat.id for seat in talk.seats}


@pytest.mark.parametrize("name", ["free-chat", "self-guidance"])
@pytest.mark.parametrize("seats", [2, 3, 5])
def test_fourteen_utterances_by_default_and_delegates_in_seat_order(name: str, seats: int) -> None:
    main, *delegates = trial_cast(seats).seats
    found = cues(name, seats=seats)

    assert len(found) == 14
    assert [cue.speaker for cue in found[::2]] == [main] * 7
    assert [cue.speaker for cue in found[1::2]] == [delegates[place % len(delegates)] for place in range(7)]


def test_free_chat_whispers_nothing() -> None:
    assert table(cues("free-chat", {"turns": 5})) == [
        ("Lily", None), ("Abdul", None), ("Lily", None), ("Ananya", None), ("Lily", None),
    ]  # fmt: skip


def test_self_guidance_opens_with_a_question_and_ends_with_what_is_still_believed() -> None:
    closing = "Say what you still believe after this talk, and the reason that counts most for you."
    found = cues("self-guidance", {"turns": 8}, seats=2)

    assert {cue.private for cue in found} == {True}
    assert table(found)[0] == (
        "Lily",
        "Ask Abdul, in one short question, what people at home think about making one's parents proud. "
        "Give no view of your own yet.",
    )
    assert table(found)[6:] == [("Lily", closing), ("Abdul", closing)]
    assert len({cue.guidance for cue in found[:6]}) == 6


@settings(deadline=None, max_examples=40)
@given(turns=st.integers(1, 40), seats=st.integers(2, 5), name=st.sampled_from(["free-chat", "self-guidance"]))
def test_turns_is_the_number_of_turns_and_speakers_alternate(turns: int, seats: int, name: str) -> None:
    main = trial_cast(seats).seats[0]
    found = cues(name, {"turns": turns}, seats=seats)

    assert len(found) == turns
    assert all((cue.speaker == main) == (turn % 2 == 0) for turn, cue in enumerate(found))


def test_interview_asks_who_answers_next() -> None:
    answer = "Answer Lily plainly, with one detail from your family, town or work."
    assert table(cues("interview", {"exchanges": 3})) == [
        ("Lily", "Ask Abdul, in one short question, what people at home think about making one's parents proud."),
        ("Abdul", answer),
        ("Lily", "Ask Ananya about a custom you do not know yet."),
        ("Ananya", answer),
        ("Lily", "Ask Abdul to tell about one day when this mattered."),
        ("Abdul", answer),
    ]


def test_round_table_gives_everybody_the_same_task_in_seat_order() -> None:
    first = "Say what you think about making one's parents proud, and why."
    last = "Tell something from your own life that nobody here has mentioned yet."
    assert table(cues("round-table")) == [
        ("Lily", first),
        ("Abdul", first),
        ("Ananya", first),
        ("Lily", "Take up one thing Ananya said, and tell how it is where you live."),
        ("Abdul", "Take up one thing Lily said, and tell how it is where you live."),
        ("Ananya", "Take up one thing Abdul said, and tell how it is where you live."),
        ("Lily", last),
        ("Abdul", last),
        ("Ananya", last),
    ]


def test_debate_has_opening_rebuttals_and_closing() -> None:
    opening = "Opening: state your view on making one's parents proud, and your best reason."
    closing = "Closing: say in one sentence what you stand for, and the reason that weighs most."
    assert table(cues("debate", seats=2)) == [
        ("Lily", opening),
        ("Abdul", opening),
        ("Lily", "Rebuttal: pick one reason Abdul gave, and say what it leaves out."),
        ("Abdul", "Rebuttal: pick one reason Lily gave, and say what it leaves out."),
        ("Lily", "Rebuttal: answer Abdul with something you saw with your own eyes."),
        ("Abdul", "Rebuttal: answer Lily with something you saw with your own eyes."),
        ("Lily", closing),
        ("Abdul", closing),
    ]


def test_consensus_looks_for_common_ground_and_then_names_what_differs() -> None:
    opening = "Say what you think about making one's parents proud, and what matters most to you in it."
    assert table(cues("consensus", {"attempts": 1}, seats=2)) == [
        ("Lily", opening),
        ("Abdul", opening),
        ("Lily", "Common ground: name one thing that you and Abdul both care about, with an example from your life."),
        ("Abdul", "Common ground: name one thing that you and Lily both care about, with an example from your life."),
        ("Lily", "Name what still differs between you and Abdul, and why you keep your view."),
        ("Abdul", "Name what still differs between you and Lily, and why you keep your view."),
    ]


def test_selector_follows_the_model_and_says_where_it_could_not() -> None:
    answers = iter(["Ananya.", "I think ABDUL should answer.", "Lily or Ananya", "nobody", "Abdul", "Ananya"])

    async def answer(prompt: str) -> str:
        assert "These people talk about making one's parents proud: Lily from the United States" in prompt
        return next(answers)

    found = cues("selector", {"turns": 7}, asker=answer)

    assert [(cue.speaker.name, cue.note) for cue in found] == [
        ("Lily", None),
        ("Ananya", None),
        ("Abdul", None),
        ("Lily", "the model named Lily and Ananya; Lily has spoken least"),
        ("Abdul", "the model named nobody who could go on; Abdul has spoken least"),
        ("Ananya", "the model named nobody who could go on; Ananya has spoken least"),
        ("Lily", "the model named nobody who could go on; Lily has spoken least"),
    ]


def test_selector_lets_the_silent_speak_before_the_end_and_asks_nothing_with_two_seats() -> None:
    async def lily_and_abdul(prompt: str) -> str:
        return "Abdul" if "Abdul" in prompt.partition("one name only:")[2] else "Lily"

    async def unasked(prompt: str) -> str:
        raise AssertionError(prompt)

    spoken = [cue.speaker.name for cue in cues("selector", {"turns": 8}, seats=5, asker=lily_and_abdul)]
    assert spoken == ["Lily", "Abdul", "Lily", "Abdul", "Lily", "Ananya", "Wei", "Sophia"]
    assert len(cues("selector", seats=2, asker=unasked)) == 14


def test_guidance_is_shipped_in_nine_languages_and_marked_unreviewed() -> None:
    scripts = sorted((ROOT / "protocols/scripts").glob("*.yaml"))
    assert [path.stem for path in scripts] == ["consensus", "debate", "interview", "round-table", "self-guidance"]
    for path in scripts:
        script = yaml.safe_load(path.read_text("utf-8"))
        assert script["name"] == path.stem
        assert script["reviewed"] is False
        for step in [*script.get("opening", []), *script["rounds"], *script.get("closing", [])]:
            texts = step["guidance"] if isinstance(step["guidance"], list) else [step["guidance"]]
            for text in texts:
                assert set(text) == LANGUAGES
                # A translation that loses a name would send the speaker to nobody.
                placeholders = {
                    frozenset(mark for mark in ("{other}", "{next}", "{topic}") if mark in t) for t in text.values()
                }
                assert len(placeholders) == 1, text["en"]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", "Sag, was du über „die Eltern stolz machen“ denkst und warum."),
        ("pt-BR", "Diga o que você pensa sobre “dar orgulho aos pais” e por quê."),
        ("el", "Say what you think about making one's parents proud, and why."),
    ],
)
def test_guidance_is_said_in_the_speakers_language(language: str, said: str) -> None:
    assert cues("round-table", cast=trial_cast(2, language=language))[0].guidance == said


def test_in_a_mixed_talk_each_hears_their_own_language() -> None:
    cast = trial_cast(2)
    lily, abdul = cast.seats
    mixed = TrialCast("mixed", (lily, abdul.model_copy(update={"language": "ar"})), cast.question)

    found = cues("round-table", cast=mixed)

    assert found[0].guidance == "Say what you think about making one's parents proud, and why."
    assert found[1].guidance == "قولوا رأيكم في موضوع «making one's parents proud»، ولماذا."


def test_random_numbers_depend_on_the_root_and_the_turn_alone() -> None:
    scene = trial_cast(2).scene()
    same = Scene(scene.seats, scene.seed, (), scene.root)
    other = Scene(scene.seats, scene.seed, (), "t_other")

    assert scene.rng.random() == scene.rng.random() == same.rng.random()
    assert scene.rng.random() != other.rng.random()


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("free-chart", {}, "no protocol named 'free-chart'; did you mean 'free-chat'? Known: consensus, debate, free-chat, "
         "interview, round-table, selector, self-guidance."),
        ("free-chat", {"turn": 3}, "protocol 'free-chat' takes no argument 'turn'; did you mean 'turns'?"),
        ("debate", {"x": 3}, "protocol 'debate' takes no argument 'x'; it takes: rebuttals, opener"),
        ("free-chat", {"turns": "six"}, "protocol 'free-chat': turns = 'six': input should be a valid integer"),
        ("self-guidance", {"turns": 0}, "protocol 'self-guidance': turns = 0: input should be greater than or equal to 1"),
        ("selector", {"turns": 900}, "protocol 'selector': turns = 900: input should be less than or equal to 200"),
        ("{tmp}/none.py:Mine", {}, "{tmp}/none.py: cannot be read (No such file or directory)"),
        ("{tmp}/mine.py", {}, "{tmp}/mine.py: which class? Write {tmp}/mine.py:NAME; it has: Mine"),
        ("{tmp}/mine.py:Mind", {}, "{tmp}/mine.py: no protocol class named 'Mind'; did you mean 'Mine'? Known: Mine."),
        ("{tmp}/mine.py:Bare", {}, "protocol '{tmp}/mine.py:Bare' has no method next_cue(scene)"),
        ("{tmp}/broken.py:Mine", {}, "{tmp}/broken.py:2: ZeroDivisionError: division by zero"),
        ("{tmp}/grammar.py:Mine", {}, "{tmp}/grammar.py:1: SyntaxError: invalid syntax (grammar.py, line 1)"),
        ("{tmp}/none.yaml", {}, "{tmp}/none.yaml: cannot be read (No such file or directory)"),
        ("{tmp}/latin.yaml", {}, "{tmp}/latin.yaml: is not UTF-8 text (invalid start byte at byte 6)"),
    ],
)  # fmt: skip
def test_what_cannot_be_loaded_is_said_in_one_line(
    name: str, args: dict[str, Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    def next_cue(self, scene):\n        return None\n\n\nclass Bare:\n    pass\n"
    )
    (tmp_path / "broken.py").write_text("x = 0\ny = 1 / x\n")
    (tmp_path / "grammar.py").write_text("def next_cue(:\n")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xffa\n")
    with pytest.raises(CultureParkError) as caught:
        load_protocol(name.format(tmp=tmp_path), args)

    assert str(caught.value) == message.format(tmp=tmp_path)


@pytest.mark.parametrize(("file", "text", "name"), [
    ("mine.py", "class Mine:\n    def next_cue(self, scene):\n        return None\n", "mine.py:Mine"),
    ("mine.yaml", "name: mine\nrounds: [{speaker: everyone}]\n", "mine.yaml"),
])  # fmt: skip
def test_an_edited_file_is_another_protocol(file: str, text: str, name: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(text)
    before = load_protocol(str(tmp_path / name)).sha256
    (tmp_path / file).write_text(text + "# edited\n")

    assert load_protocol(str(tmp_path / name)).sha256 != before


def test_an_installed_package_brings_a_protocol(tmp_path: Path) -> None:
    """A real distribution in a folder on the path: its entry point is a protocol by name."""
    (tmp_path / "parkour.py").write_text(
        "from dataclasses import dataclass\n\nfrom culturepark.protocols import Cue\n\n\n@dataclass(frozen=True)\n"
        'class Relay:\n    """Everybody once."""\n\n    laps: int = 1\n\n    def next_cue(self, scene):\n'
        "        turn = len(scene.turns)\n        ended = turn == self.laps * len(scene.seats)\n"
        "        return None if ended else Cue(scene.seats[turn % len(scene.seats)])\n"
    )
    meta = tmp_path / "parkour-1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: parkour\nVersion: 1.0\n")
    points = "[culturepark.protocols]\nrelay = parkour:Relay\n"
    (meta / "entry_points.txt").write_text(points)

    def culturepark(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "culturepark", "protocols", *arguments], env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip

    assert "relay\tentry point\tlaps=1\tEverybody once." in culturepark("list").stdout
    tried = culturepark("try", "relay", "--protocol-arg", "laps=2")
    assert [line.split("\t")[1] for line in tried.stdout.splitlines()[1:]] == ["english_lily", "arabic_abdul"] * 2
    assert culturepark("check", "relay").returncode == 0
    assert "class Relay" in culturepark("show", "relay").stdout

    (meta / "entry_points.txt").write_text(points.replace("Relay", "Replay"))
    broken = culturepark("try", "relay")
    assert broken.returncode == 2
    assert broken.stderr == (
        "error: protocol 'relay' of the installed package 'parkour' (parkour:Replay) cannot be loaded: AttributeError: "
        "module 'parkour' has no attribute 'Replay'; mend or uninstall 'parkour'\n"
    )
