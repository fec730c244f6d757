"""Short answers against counted human ones."""

from pathlib import Path

import pytest

from culturepark.benchmarks.knowledge.questions import HumanAnswer, KnowledgeQuestion, load_questions, normalised
from culturepark.benchmarks.task import BenchSettings

QUESTION = KnowledgeQuestion(
    id="China:1", country="China", culture="chinese", language="zh", topic="Food", question="？", en_question="?",
    answers=(
        HumanAnswer(answers=("肯德基", "kfc"), en_answers=("kentucky fried chicken", "kfc"), count=4),
        HumanAnswer(answers=("麦当劳",), en_answers=("mcdonald's",), count=3),
        HumanAnswer(answers=("蜜雪冰城",), en_answers=("mixue ice cream & tea",), count=1),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("KFC.", 1.0),
        ("肯德基", 1.0),
        ("Answer: McDonald’s", 0.75),
        ("the Mixue Ice Cream & Tea", 0.25),
        ("KFC\nbecause it is everywhere", 1.0),
        ("KFC or McDonald's", 0.0),
        ("rice", 0.0),
    ],
)
def test_an_answer_is_worth_its_share_of_the_commonest_ones_votes(answer: str, value: float) -> None:
    assert QUESTION.value(answer) == value


def test_diacritics_tell_words_apart() -> None:
    assert normalised("El año") == "año"
    assert normalised("ano") != normalised("año")


def test_the_shared_questions_are_read_and_shared_out_by_country(shared_data: Path) -> None:
    whole, problems = load_questions(BenchSettings(data=str(shared_data)))
    few, _ = load_questions(BenchSettings(data=str(shared_data), limit=20))

    assert (len(whole), problems) == (300, [])
    assert {one.country for one in few} == {"Algeria", "China", "Mexico", "South Korea", "Spain"}
    assert all(human.count > 0 for one in whole for human in one.answers)
    assert all(one.value(one.answers[0].answers[0]) > 0 for one in whole)


def test_a_faulty_file_is_one_line_and_the_others_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "knowledge"
    folder.mkdir()
    (folder / "a.jsonl").write_text(QUESTION.model_dump_json() + "\n", encoding="utf-8")
    (folder / "b.jsonl").write_text('{"id": "x"}\n', encoding="utf-8")
    (folder / "c.jsonl").write_text((QUESTION.model_dump_json() + "\n") * 2, encoding="utf-8")

    found, problems = load_questions(BenchSettings(data=str(tmp_path)))

    assert [one.id for one in found] == ["China:1"]
    assert problems == [
        f"{folder}/b.jsonl:1: field 'country' is missing (and 6 more)",
        f"{folder}/c.jsonl:2, column 'id': 'China:1' is there twice; leave one of them out",
    ]
