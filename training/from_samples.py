"""Rows from samples: the survey's question and answer with the opinion, the opinion alone, the talk, the answer."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from culturepark.personas.culture import Culture
from culturepark.postprocess.sample import Sample
from culturepark.runtime.request import Message
from culturepark.training.material import Material
from culturepark.training.prompt import AskedQuestion, open_prompt, question_in, scale_answer, scale_prompt
from culturepark.training.row import Kind, Row, make_row

HEARD: Final = 4
"""Utterances before the learned one that a row of the kind `dialogue` shows."""


class Made(NamedTuple):
    """Rows of one kind, and what gave none."""

    rows: list[Row]
    base: Mapping[str, int]
    """By row id, how many samples it stands for."""
    without: Mapping[str, int]
    """Samples that gave no row of this kind, by reason."""


class Asking:
    """Words questions once for each language and culture."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._asked = lru_cache(maxsize=None)(self._read)

    def question(self, question: str, language: str) -> AskedQuestion:
        """A question in a language."""
        return self._asked(question, language)

    def _read(self, question: str, language: str) -> AskedQuestion:
        return question_in(self._material.survey(question), question, language)


def rows_from_samples(
    kind: Kind, material: Material, samples: Sequence[Sample], asking: Asking, *, source: str, by_mass: bool
) -> Made:
    """Make the rows of one kind: all but `distribution`, which needs no samples.

    A sample of a held-out question gives no row, whatever it is. With `by_mass` a sample counts as often as it was
    said.
    """
    make = _MAKERS[kind]
    rows: list[Row] = []
    base: Counter[str] = Counter()
    without: Counter[str] = Counter()
    for sample in samples:
        if material.survey(sample.question).questions[sample.question].split == "held-out":
            without["held_out_question"] += 1
            continue
        made = make(sample, material, asking, source)
        if isinstance(made, str):
            without[made] += 1
            continue
        times = sample.mass if by_mass else 1
        if kind == "answer" and made.id in base:
            # The same answer again is the same row: it counts once more.
            base[made.id] += times
            without["stands_in_another"] += 1
            continue
        rows.append(made)
        base[made.id] = max(base[made.id], times)
    return Made(rows, base, dict(sorted(without.items())))


def _survey(sample: Sample, material: Material, asking: Asking, source: str) -> Row | str:
    reason = _unanswered(sample, material)
    if reason is not None:
        return reason
    assert sample.stance is not None
    prompt = scale_prompt(asking.question(sample.question, sample.language), _culture(sample, material))
    return _row("survey", (*prompt, scale_answer(sample.stance.code, sample.text)), sample, source)


def _answer(sample: Sample, material: Material, asking: Asking, source: str) -> Row | str:
    reason = _unanswered(sample, material)
    if reason is not None:
        return reason
    assert sample.stance is not None
    prompt = scale_prompt(asking.question(sample.question, sample.language), _culture(sample, material))
    row = _row("answer", (*prompt, scale_answer(sample.stance.code)), sample, source)
    return row.model_copy(update={"talk": None, "sample": None})


def _opinion(sample: Sample, material: Material, asking: Asking, source: str) -> Row | str:
    prompt = open_prompt(asking.question(sample.question, sample.language), _culture(sample, material))
    return _row("opinion", (*prompt, Message(role="assistant", content=sample.text)), sample, source)


def _dialogue(sample: Sample, material: Material, asking: Asking, source: str) -> Row | str:
    talk = material.talks.get(sample.talk)
    if talk is None:
        return "talk_not_here"
    turn = talk.turns[sample.turn]
    if turn.flags:
        return "flagged_turn"
    names = {seat.id: seat.name for seat in talk.seats}
    system, user = open_prompt(asking.question(sample.question, sample.language), _culture(sample, material))
    heard = [f"{names[one.speaker]}: {one.text}" for one in talk.turns[max(0, turn.index - HEARD) : turn.index]]
    asked = "\n".join([user.content, "", *heard, f"{names[turn.speaker]}:"])
    messages = (system, Message(role="user", content=asked), Message(role="assistant", content=turn.text))
    return _row("dialogue", messages, sample, source)


_MAKERS: Mapping[Kind, Callable[[Sample, Material, Asking, str], Row | str]] = {
    "survey": _survey,
    "opinion": _opinion,
    "dialogue": _dialogue,
    "answer": _answer,
}


def _unanswered(sample: Sample, material: Material) -> str | None:
    """Why a sample's words cannot stand for an answer on the scale: nobody says that they do."""
    if sample.stance is None:
        return "no_stance"
    judged = material.opinions.get(sample.opinions[0])
    return None if judged is not None and judged.verdict == "entail" else "not_verified"


def _culture(sample: Sample, material: Material) -> Culture:
    return material.cultures[sample.culture]


def _row(kind: Kind, messages: Sequence[Message], sample: Sample, source: str) -> Row:
    return make_row(
        kind,
        messages,
        culture=sample.culture,
        country=sample.country,
        language=sample.language,
        question=sample.question,
        stance=sample.stance.code if sample.stance is not None else None,
        talk=sample.talk,
        sample=sample.id,
        source=source,
    )
