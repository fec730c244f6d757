"""Metrics of a talk, by hand, in several scripts; None where there is nothing to measure."""

from collections.abc import Sequence
from typing import Any

import pytest

from culturepark.benchmarks.talk_metrics import METRICS, Held, asks, chosen_metrics, measure, words
from culturepark.personas.casting import CastSettings, cast_talks
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.protocols.catalogue import load_protocol
from culturepark.protocols.turn import Flag, Turn
from culturepark.runtime.errors import CultureParkError
from culturepark.simulation.plan import SimulateSettings, plan_talks


def held(*said: str | tuple[int, str], samples: float | None = None, flagged: Sequence[int] = ()) -> Held:
    """A talk of two people, Lily first; `(seat, text)` where they do not take turns."""
    casting = cast_talks(
        CastSettings(cultures=("arabic",), questions=("Q27",), talks=1), load_roster(), load_survey("wvs7"), seed=0
    )
    (talk,) = plan_talks(casting.talks, SimulateSettings(), load_protocol("free-chat"), model="m", seed=0)
    turns: list[Turn] = []
    for index, one in enumerate(said):
        seat, text = one if isinstance(one, tuple) else (index % 2, one)
        flags: tuple[Flag, ...] = ("parrot",) if index in flagged else ()
        spoken: dict[str, Any] = {"index": index, "speaker": talk.seats[seat].id, "text": text, "flags": flags}
        turns.append(Turn(**spoken, finish_reason="stop", model="m", tokens_in=200, tokens_out=50))
    return Held(talk.model_copy(update={"turns": tuple(turns), "status": "complete"}), samples)


def value(metric: str, talk: Held) -> float | None:
    return measure(talk, [metric])[metric]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Don't SHOUT, don’t!", ["don't", "shout", "don’t"], id="english"),
        pytest.param("我们吃 pizza。", ["我", "们", "吃", "pizza"], id="chinese-by-character"),
        pytest.param("আমি বাংলায় বলি।", ["আমি", "বাংলায়", "বলি"], id="bengali-vowel-signs-stay"),
        pytest.param("학교에서 왔어요.", ["학교에서", "왔어요"], id="korean"),
        pytest.param("كيف حالُكَ؟", ["كيف", "حالُكَ"], id="arabic-marks-stay"),
        pytest.param(" … — ! ", [], id="nothing"),
    ],
)
def test_words_of_any_script(text: str, expected: list[str]) -> None:
    assert list(words(text)) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Why?", "en", True), ("لماذا؟", "ar", True), ("为什么？", "zh", True), ("No.", "en", False),
        ("Γιατί;", "el", True), ("Γιατί;", "en", False), ("Γιατί;", "el-GR", True),
    ],
)  # fmt: skip
def test_question_marks_of_any_script(text: str, language: str, expected: bool) -> None:
    assert asks(text, language=language) is expected


def test_samples_per_1k_tokens() -> None:
    assert value("samples_per_1k_tokens", held("a", "b", samples=1.5)) == pytest.approx(1.5 / 0.5)
    assert value("samples_per_1k_tokens", held("a", "b", samples=0)) == 0
    assert value("samples_per_1k_tokens", held("a", "b")) is None
    assert value("samples_per_1k_tokens", held(samples=0)) is None


def test_moving_average_type_token_ratio() -> None:
    many = [f"w{n}" for n in range(50)]
    assert value("type_token_ratio", held(" ".join(many[:49]))) is None
    assert value("type_token_ratio", held(" ".join(many[:25]), " ".join(many[25:]))) == 1
    assert value("type_token_ratio", held("a b " * 40)) == pytest.approx(2 / 50)
    # Windows of 50 in 51 words: the second holds w49 twice.
    assert value("type_token_ratio", held(" ".join([*many, "w49"]))) == pytest.approx((50 + 49) / 100)


def test_repetition_and_parroting() -> None:
    # Four words in a row; the first turn of a speaker repeats nothing of theirs, the first of the talk nobody.
    talk = held("one two three four five", "six seven eight nine", "one two three four six", "two three four five x")

    assert value("self_repetition", talk) == pytest.approx(1 / 4)  # of two and two: "one two three four"
    assert value("parroting", talk) == pytest.approx(1 / 5)  # of one, two and two: "two three four five"


@pytest.mark.parametrize("metric", ["self_repetition", "parroting"])
def test_no_repetition_where_nothing_was_said_before(metric: str) -> None:
    assert value(metric, held("one two three four five")) is None
    assert value(metric, held("one two", "three", "one two", "three")) is None


def test_questions_are_those_of_the_main_contact() -> None:
    assert value("questions_asked", held("Why?", "Why not?", "I see.", "Really?")) == pytest.approx(1 / 2)
    assert value("questions_asked", held((1, "Anybody there?"))) is None


def test_flagged_turns() -> None:
    assert value("flagged_turns", held("a", "b", "c", "d", flagged=[1])) == pytest.approx(1 / 4)
    assert value("flagged_turns", held()) is None


def test_metrics_are_chosen_by_name() -> None:
    assert chosen_metrics([]) == tuple(METRICS)
    assert chosen_metrics(["parroting"]) == ("parroting",)
    with pytest.raises(CultureParkError) as raised:
        chosen_metrics(["paroting"])
    assert str(raised.value) == (
        "no metric named 'paroting'; did you mean 'parroting'? Known: flagged_turns, parroting, questions_asked, "
        "samples_per_1k_tokens, self_repetition, type_token_ratio."
    )
