"""One door to a protocol: what it asked is kept, and whose fault an error is stays clear."""

import asyncio
import pickle
from dataclasses import dataclass

import pytest

from culturepark.protocols import Ask, Cue, ProtocolError, Scene
from culturepark.protocols.cueing import Cued, NotRecordedError, next_cue, recorded
from culturepark.protocols.trial import trial_cast
from culturepark.runtime.errors import BudgetSpentError


@dataclass(frozen=True)
class AsksTwice:
    """Goes on with whatever it gets, and with a guess where it gets nothing."""

    async def next_cue(self, scene: Scene) -> Cue | None:
        try:
            words = [await scene.ask(f"{number}?") for number in ("One", "Two")]
        except Exception:
            words = ["a guess"]
        return Cue(scene.main_contact, guidance=" ".join(words))


def test_questions_and_answers_come_with_the_cue() -> None:
    async def shout(prompt: str) -> str:
        return prompt.upper()

    scene = trial_cast(2).scene(asker=shout)
    asks = (Ask(prompt="One?", answer="ONE?"), Ask(prompt="Two?", answer="TWO?"))

    assert asyncio.run(next_cue(AsksTwice(), scene, talk="t")) == Cued(Cue(scene.main_contact, "ONE? TWO?"), asks)
    again = trial_cast(2).scene(asker=recorded(asks))
    assert asyncio.run(next_cue(AsksTwice(), again, talk="t")).asks == asks


def test_what_the_asker_raised_is_raised_even_when_the_protocol_caught_it() -> None:
    async def broke(prompt: str) -> str:
        raise BudgetSpentError("the budget is spent")

    with pytest.raises(BudgetSpentError):
        asyncio.run(next_cue(AsksTwice(), trial_cast(2).scene(asker=broke), talk="t"))


@pytest.mark.parametrize(
    ("asks", "message"),
    [
        ([("One?", "1")], "the protocol asks 'Two?', and the transcript has no further answer"),
        ([("One?", "1"), ("Three?", "3")], "the protocol asks 'Two?', the transcript has 'Three?'"),
    ],
)
def test_a_question_that_is_not_on_record_is_not_answered(asks: list[tuple[str, str]], message: str) -> None:
    record = [Ask(prompt=prompt, answer=answer) for prompt, answer in asks]
    with pytest.raises(NotRecordedError) as caught:
        asyncio.run(next_cue(AsksTwice(), trial_cast(2).scene(asker=recorded(record)), talk="t"))

    assert str(caught.value) == message


class AsksANumber:
    async def next_cue(self, scene: Scene) -> Cue | None:
        await scene.ask(5)  # type: ignore[arg-type]  # the mistake
        return None


def test_an_error_names_talk_and_turn_and_travels_between_processes() -> None:
    scene = trial_cast(2).scene(asker=recorded([]))
    with pytest.raises(ProtocolError) as caught:
        asyncio.run(next_cue(AsksANumber(), scene, talk="t_7"))

    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.talk, error.turn) == ("t_7", 0)
    line = AsksANumber.next_cue.__code__.co_firstlineno + 1
    assert str(error) == (
        f"talk t_7, turn 0: tests/protocols/test_cueing.py:{line}: the protocol raised TypeError: scene.ask takes a text, "
        "not 5; mend it there"
    )
