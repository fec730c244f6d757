"""The loss covers the answer's tokens, exactly; TRL's own mask says the same."""

from pathlib import Path

import pytest
from datasets import Dataset
from transformers import AutoTokenizer
from trl import SFTConfig, SFTTrainer

from culturepark.runtime.errors import CultureParkError
from culturepark.training.encoding import count_tokens, encode_rows, load_tokenizer
from culturepark.training.prefixes import IGNORED
from culturepark.training.quiet import quiet_frameworks
from culturepark.training.weights import find_base
from tests.training.tiny import make_rows, tiny_base

REVERSED = "{% for m in messages|reverse %}{{ m['content'] }}{% endfor %}"


def assert_covers_answers(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = make_rows(5)
    for row, encoded in zip(rows, encode_rows(rows, tokenizer), strict=True):
        learned = [token for token in encoded.labels if token != IGNORED]
        assert tokenizer.decode(learned) == f"{row.answer}{tokenizer.eos_token}"
        assert list(encoded.input_ids[-len(learned) :]) == learned
        assert tokenizer.decode(encoded.input_ids[: -len(learned)]).endswith("<|im_start|>assistant\n")


def test_labels_cover_exactly_the_answer_and_its_end(base: Path) -> None:
    assert_covers_answers(base)


@pytest.mark.slow
def test_labels_cover_exactly_the_answer_of_the_built_in_model() -> None:
    assert_covers_answers(find_base("smollm2-135m").folder)


def test_labels_are_trl_s_but_for_the_line_break_after_the_turn(base: Path, tmp_path: Path) -> None:
    rows, tokenizer = make_rows(6), AutoTokenizer.from_pretrained(base)
    chats = [[message.model_dump() for message in row.messages] for row in rows]
    data = Dataset.from_list([{"prompt": chat[:-1], "completion": chat[-1:]} for chat in chats])
    with quiet_frameworks():
        config = SFTConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, report_to=[], max_length=None)
        trainer = SFTTrainer(str(base), args=config, train_dataset=data, processing_class=tokenizer)

    for theirs, ours in zip(trainer.train_dataset, encode_rows(rows, tokenizer), strict=True):
        end = len(ours.input_ids)
        assert theirs["input_ids"][:end] == list(ours.input_ids)
        assert theirs["labels"][:end] == list(ours.labels)
        assert tokenizer.decode(theirs["input_ids"][end:]) == "\n"


def test_weights_have_a_mean_of_one(base: Path) -> None:
    encoded = encode_rows(make_rows(4, weights=(1, 3)), AutoTokenizer.from_pretrained(base))

    assert [row.weight for row in encoded] == [0.5, 1.5, 0.5, 1.5]


def test_tokens_are_counted_as_they_are_trained_on(base: Path) -> None:
    rows, tokenizer = make_rows(3), AutoTokenizer.from_pretrained(base)

    assert count_tokens(rows, tokenizer) == [len(row.input_ids) for row in encode_rows(rows, tokenizer)]


def test_a_base_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "plain", template=None)

    with pytest.raises(CultureParkError) as error:
        load_tokenizer(str(folder), name="plain")

    assert str(error.value) == (
        "base 'plain' has no chat template, so it cannot be told a question from an answer; "
        "use its instruct or chat variant"
    )


def test_a_template_that_rewrites_the_question_is_refused(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(str(tiny_base(tmp_path / "odd", template=REVERSED)), name="odd")

    with pytest.raises(
        CultureParkError, match=r"^row r_\w+: the chat template of '.*odd' writes a question differently"
    ):
        encode_rows(make_rows(1), tokenizer)
