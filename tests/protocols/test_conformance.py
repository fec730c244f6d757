"""The kit catches each way of breaking a protocol's promises, and says where and why."""

import datetime
import gc
import itertools
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from culturepark.protocols import Cue, Scene
from culturepark.protocols.conformance import Report, assert_conforms, check_protocol
from culturepark.protocols.trial import trial_cast

HERE = "tests/protocols/test_conformance.py"


STRANGER = trial_cast(5).seats[-1]


class Turns:
    """Everybody in turn; its children break one thing each."""

    turns = 10

    def next_cue(self, scene: Scene) -> Any:
        if len(scene.turns) >= self.turns:
            return None
        return Cue(scene.seats[len(scene.turns) % len(scene.seats)])


class CountsOnSelf(Turns):
    def __init__(self) -> None:
        self.asked = 0

    def next_cue(self, scene: Scene) -> Any:
        self.asked += 1
        return Cue(scene.seats[self.asked % len(scene.seats)]) if self.asked <= self.turns else None


class CountsInTheModule(Turns):
    cycle = itertools.cycle("abc")

    def next_cue(self, scene: Scene) -> Any:
        cue = super().next_cue(scene)
        return cue and Cue(cue.speaker, guidance=next(self.cycle))


class RemembersTheOpening(Turns):
    """Right at once, wrong after a restart: only a fresh protocol given the transcript can tell."""

    opened_by: str | None = None

    def next_cue(self, scene: Scene) -> Any:
        cue = super().next_cue(scene)
        if not scene.turns:
            self.opened_by = scene.seats[0].name
        return cue and Cue(cue.speaker, guidance=f"{self.opened_by} opened.")


class LooksAtTheClock(Turns):
    began = time.monotonic()

    def next_cue(self, scene: Scene) -> Any:
        return None if time.monotonic() - self.began > 3600 else super().next_cue(scene)


class LooksAtTheDate(Turns):
    def next_cue(self, scene: Scene) -> Any:
        cue = super().next_cue(scene)
        return cue and Cue(cue.speaker, guidance=f"It is {datetime.datetime.now().year}.")


class ThrowsDice(Turns):
    def next_cue(self, scene: Scene) -> Any:
        cue = super().next_cue(scene)
        return cue and Cue(cue.speaker, guidance=random.choice("abc"))


class UnseededDice(Turns):
    def next_cue(self, scene: Scene) -> Any:
        cue = super().next_cue(scene)
        return cue and Cue(cue.speaker, guidance=str(random.Random().random()))


class ChangesTheQuestion(Turns):
    def next_cue(self, scene: Scene) -> Any:
        scene.seed.text["en"] = "Another question"
        return super().next_cue(scene)


class NeverEnds(Turns):
    turns = 10_000


class LetsTwoSpeak(Turns):
    def next_cue(self, scene: Scene) -> Any:
        return super().next_cue(scene) and Cue(scene.seats[len(scene.turns) % 2])


class ReturnsAName(Turns):
    def next_cue(self, scene: Scene) -> Any:
        return "english_lily" if len(scene.turns) == 3 else super().next_cue(scene)


class CuesAStranger(Turns):
    def next_cue(self, scene: Scene) -> Any:
        return Cue(STRANGER) if len(scene.turns) == 4 else super().next_cue(scene)


class WhispersANumber(Turns):
    def next_cue(self, scene: Scene) -> Any:
        cue = super().next_cue(scene)
        return cue and Cue(cue.speaker, guidance=len(scene.turns))  # type: ignore[arg-type]  # the mistake


class RaisesLate(Turns):
    def next_cue(self, scene: Scene) -> Any:
        tasks = ["a"] * 8
        return super().next_cue(scene) and Cue(
            scene.seats[len(scene.turns) % len(scene.seats)], tasks[len(scene.turns)]
        )


class ReadsTheFirstWord(Turns):
    def next_cue(self, scene: Scene) -> Any:
        cue = super().next_cue(scene)
        return cue and Cue(cue.speaker, scene.turns[-1].text.split()[0] if scene.turns else None)


class AsksSomethingElse(Turns):
    asked = itertools.count()

    async def next_cue(self, scene: Scene) -> Any:
        await scene.ask(f"Question {next(self.asked)}?")
        return super().next_cue(scene)


class NeedsAName(Turns):
    async def next_cue(self, scene: Scene) -> Any:
        if len(scene.turns) >= self.turns:
            return None
        answer = await scene.ask(f"Who, after {len(scene.turns)} turns?")
        named = [seat for seat in scene.seats if seat.name in answer]
        return Cue(scene.seats[len(scene.turns) % len(scene.seats)], guidance=f"Not {named[0].name}.")


class EndsOnAnAnswer(Turns):
    async def next_cue(self, scene: Scene) -> Any:
        await scene.ask(f"Is it over after {len(scene.turns)} turns?")
        return super().next_cue(scene)


class SaysNothingAtAll(Turns):
    turns = 0


def first(report: Report) -> tuple[str, str, int | None, str]:
    broken = report.broken[0]
    return broken.check, broken.cast, broken.turn, broken.why


@pytest.mark.parametrize(
    ("make", "check", "cast", "turn", "why"),
    [
        (RemembersTheOpening, "resumes", "2 seats", 1, "it cues arabic_abdul ('Lily opened.'), but a fresh protocol that is given "
         "the same 1 turns cues arabic_abdul ('None opened.'); work out everything from scene.turns"),
        (CountsInTheModule, "pure", "2 seats", 0, "asked twice, it cues english_lily ('b') and then english_lily ('c'); keep "
         "nothing on self or in the module"),
        (CountsOnSelf, "pure", "2 seats", 0, "asked twice, it cues arabic_abdul and then english_lily; keep nothing on self or "
         "in the module"),
        (LooksAtTheClock, "no_chance", "2 seats", 0, "it calls time.monotonic (line {line}); take scene.rng for chance, and "
         "len(scene.turns) for time"),
        (LooksAtTheDate, "no_chance", "2 seats", 0, "it calls datetime.now (line {line}); take scene.rng for chance, and "
         "len(scene.turns) for time"),
        (ThrowsDice, "no_chance", "2 seats", 0, "it calls the global random (line {line}); take scene.rng for chance, and "
         "len(scene.turns) for time"),
        (ChangesTheQuestion, "read_only", "2 seats", 0, "next_cue changed what it was shown; copy what you want to change"),
        (NeverEnds, "ends", "2 seats", 200, f"{HERE}: the protocol never ends (it cued 200 turns); return None at the end, for "
         "example `if len(scene.turns) >= self.turns: return None`"),
        (LetsTwoSpeak, "everybody", "3 seats", None, "bengali_ananya never speaks in 10 turns"),
        (ReturnsAName, "cues", "2 seats", 3, f"{HERE}: next_cue returned 'english_lily', neither a Cue nor None; return Cue(seat) "
         "with a seat of scene.seats"),
        (CuesAStranger, "cues", "2 seats", 4, f"{HERE}: the protocol cued 'german_sophia', who has no seat; cue one of "
         "scene.seats: english_lily, arabic_abdul"),
        (WhispersANumber, "cues", "2 seats", 0, f"{HERE}: the cue's guidance is 0; give a text, or None for silence"),
        (RaisesLate, "cues", "2 seats", 8, f"{HERE}:{{line}}: the protocol raised IndexError: list index out of range; mend it there"),
        (ReadsTheFirstWord, "cues", "2 seats, nobody says a word", 1, f"{HERE}:{{line}}: the protocol raised IndexError: list "
         "index out of range; mend it there"),
        (AsksSomethingElse, "pure", "2 seats", 0, "asked again about the same scene, the protocol asks 'Question 1?', the "
         "transcript has 'Question 0?'; ask about the scene alone"),
        (NeedsAName, "cues", "2 seats, the model answers nothing", 0, f"{HERE}:{{line}}: the protocol raised IndexError: list "
         "index out of range; mend it there"),
        (EndsOnAnAnswer, "recorded", "2 seats", 10, "it asks a model and then ends the talk: no turn records the answer, so a "
         "replay would ask again; let one more person speak, and end when scene.turns[-1].asks holds the answer"),
        (SaysNothingAtAll, "cues", "2 seats", 0, f"{HERE}: the protocol ended before anybody spoke; return a Cue while "
         "scene.turns is empty"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)  # fmt: skip
def test_each_broken_promise_is_caught_with_turn_and_reason(
    make: Callable[[], Any], check: str, cast: str, turn: int | None, why: str
) -> None:
    found = first(check_protocol(make))

    line = "".join(char for char in found[3].partition("line ")[2] or found[3].partition(".py:")[2] if char.isdigit())
    assert found == (check, cast, turn, why.replace("{line}", line))


def test_unseeded_dice_of_ones_own_show_when_two_answers_differ() -> None:
    (check, cast, turn, why) = first(check_protocol(UnseededDice))

    assert (check, cast, turn) == ("pure", "2 seats", 0)
    assert why.startswith("asked twice, it cues english_lily ('0.")


def test_a_lasting_change_of_the_scene_reaches_nobody_else() -> None:
    check_protocol(ChangesTheQuestion)

    assert trial_cast(2).question.text["en"] != "Another question"


def test_a_garbage_collection_is_not_the_protocols_doing() -> None:
    def timed(_phase: str, _info: dict[str, int]) -> None:
        time.perf_counter()

    often = gc.get_threshold()
    gc.callbacks.append(timed)
    gc.set_threshold(1)
    try:
        assert_conforms(Turns, casts=[trial_cast(2)])
    finally:
        gc.callbacks.remove(timed)
        gc.set_threshold(*often)


def test_what_conforms_passes_and_says_nothing() -> None:
    report = check_protocol(Turns)

    assert report.conforms
    assert (report.talks, report.turns) == (12, 120)
    assert_conforms(Turns)


def test_the_pytest_helper_lists_what_is_broken() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_conforms(LetsTwoSpeak, casts=[trial_cast(3), trial_cast(5)])

    assert str(caught.value).splitlines() == [
        "the protocol does not conform:",
        "everybody: 3 seats: bengali_ananya never speaks in 10 turns",
        "everybody: 5 seats: bengali_ananya, chinese_wei, german_sophia never speak in 10 turns",
    ]
