"""Protocols are pure functions of the scene: order, whispers, ends; and how a name becomes a protocol."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturepark.personas.casting import cast_talks
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.protocols import Cue, Scene, Turn, TurnProtocol, load_protocol
from culturepark.runtime.errors import CultureParkError
from culturepark.simulation.plan import SimulateSettings


def opening_scene(delegates: int) -> Scene:
    """A scene nobody has spoken in, with a main contact and so many delegates."""
    cast: dict[str, Any] = {"cast": "cross"} if delegates == 1 else {"cast": "panel", "panel_size": delegates}
    settings = SimulateSettings.model_validate({"questions": ["Q27"], "talks": 1, **cast})
    (talk,) = cast_talks(settings, load_roster(), load_survey("wvs7"), seed=1).talks
    return Scene(talk.seats, talk.question, (), "t_root")


def driven(protocol: TurnProtocol, scene: Scene) -> list[Cue]:
    """Ask the protocol to the end; every speaker says which turn it is."""
    cues: list[Cue] = []
    while True:
        turns = tuple(
            Turn(index=index, speaker=cue.speaker.id, text=f"Line {index}.", finish_reason="stop", model="echo")
            for index, cue in enumerate(cues)
        )
        cue = protocol.next_cue(Scene(scene.seats, scene.seed, turns, scene.root))
        if cue is None:
            return cues
        assert isinstance(cue, Cue)
        cues.append(cue)


@pytest.mark.parametrize("name", ["free-chat", "self-guidance"])
@pytest.mark.parametrize("delegates", [1, 2, 4])
def test_fourteen_utterances_by_default_and_delegates_in_seat_order(name: str, delegates: int) -> None:
    scene = opening_scene(delegates)
    cues = driven(load_protocol(name).protocol, scene)

    assert len(cues) == 14
    assert [cue.speaker for cue in cues[::2]] == [scene.main_contact] * 7
    assert [cue.speaker for cue in cues[1::2]] == [scene.delegates[place % delegates] for place in range(7)]


def test_free_chat_whispers_nothing() -> None:
    assert {cue.guidance for cue in driven(load_protocol("free-chat").protocol, opening_scene(2))} == {None}


def test_self_guidance_opens_with_a_question_and_ends_with_what_is_still_believed() -> None:
    scene = opening_scene(1)
    whispers = [cue.guidance for cue in driven(load_protocol("self-guidance", {"turns": 8}).protocol, scene)]
    name = scene.delegates[0].name

    assert whispers[0] == (
        f"Ask {name}, in one short question, what people at home think about making one's parents proud. "
        "Give no view of your own yet."
    )
    closing = "Say what you still believe after this talk, and the reason that counts most for you."
    assert whispers[6:] == [closing, closing]
    assert len(set(whispers[:6])) == 6


@given(turns=st.integers(1, 40), delegates=st.integers(1, 4), name=st.sampled_from(["free-chat", "self-guidance"]))
def test_the_same_scene_gives_the_same_cues_for_any_length(turns: int, delegates: int, name: str) -> None:
    scene = opening_scene(delegates)
    protocol = load_protocol(name, {"turns": turns}).protocol

    assert len(driven(protocol, scene)) == turns
    assert driven(protocol, scene) == driven(load_protocol(name, {"turns": turns}).protocol, scene)


def test_random_numbers_depend_on_the_root_and_the_turn_alone() -> None:
    scene = opening_scene(1)
    same = Scene(scene.seats, scene.seed, (), "t_root")
    other = Scene(scene.seats, scene.seed, (), "t_other")

    assert scene.rng.random() == scene.rng.random() == same.rng.random()
    assert scene.rng.random() != other.rng.random()


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("free-chart", {}, "no protocol named 'free-chart'; did you mean 'free-chat'?"),
        ("free-chat", {"turn": 3}, "protocol 'free-chat' takes no argument 'turn'; did you mean 'turns'?"),
        ("{tmp}/none.py:Mine", {}, "{tmp}/none.py: cannot be read (No such file or directory)"),
        ("{tmp}/mine.py:Mind", {}, "{tmp}/mine.py: no protocol class named 'Mind'; did you mean 'Mine'?"),
        ("{tmp}/mine.py:Bare", {}, "protocol '{tmp}/mine.py:Bare' has no method next_cue(scene)"),
        ("{tmp}/broken.py:Mine", {}, "{tmp}/broken.py:2: ZeroDivisionError: division by zero"),
        ("{tmp}/grammar.py:Mine", {}, "{tmp}/grammar.py:1: SyntaxError: "),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_line(
    name: str, args: dict[str, Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    def next_cue(self, scene):\n        return None\n\n\nclass Bare:\n    pass\n"
    )
    (tmp_path / "broken.py").write_text("x = 0\ny = 1 / x\n")
    (tmp_path / "grammar.py").write_text("def next_cue(:\n")
    with pytest.raises(CultureParkError) as caught:
        load_protocol(name.format(tmp=tmp_path), args)

    text = str(caught.value)
    assert text.startswith(message.format(tmp=tmp_path))
    assert "\n" not in text


def test_an_edited_file_is_another_protocol(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    source = "class Mine:\n    def next_cue(self, scene):\n        return None\n"
    file.write_text(source)
    before = load_protocol(f"{file}:Mine").sha256
    file.write_text(source + "# edited\n")

    assert load_protocol(f"{file}:Mine").sha256 != before
