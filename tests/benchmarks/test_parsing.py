"""A reply is one of its options only where it plainly says so."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturepark.benchmarks.parsing import Read, read_choice

FIVE = ("1", "2", "3", "4", "5")
TEN = tuple(str(number) for number in range(1, 11))
YES_NO = ("Yes", "No")
LETTERS = ("A", "B")
MEANINGS = ("hate", "normal")


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("on a scale of 1 to 5, I'd say 4", FIVE, Read("answered", 3)),
        ("On a scale from 1 to 5, 2.", FIVE, Read("answered", 1)),
        ("4 out of 5", FIVE, Read("answered", 3)),
        ("4/5", FIVE, Read("answered", 3)),
        ("From 1-5: 3", FIVE, Read("answered", 2)),
        ("4\nBecause 1 is too little.", FIVE, Read("answered", 3)),
        ("**4**", FIVE, Read("answered", 3)),
        ("between 3 and 4", FIVE, Read("invalid")),
        ("3 or 4", FIVE, Read("invalid")),
        ("4.5", FIVE, Read("invalid")),
        ("14", FIVE, Read("invalid")),
        ("10", TEN, Read("answered", 9)),
        ("I would choose 10.", TEN, Read("answered", 9)),
        ("6", FIVE, Read("invalid")),
        ("", FIVE, Read("invalid")),
        (" \n ", FIVE, Read("invalid")),
        ("I know it well.", YES_NO, Read("invalid")),
        ("No.", YES_NO, Read("answered", 1)),
        ("nothing", YES_NO, Read("invalid")),
        ("No, I'm sorry, I can't say that.", YES_NO, Read("refused")),
        ("As an AI language model I have no opinions.", YES_NO, Read("refused")),
        ("I’m sorry, I cannot answer on a scale of 1 to 5.", FIVE, Read("refused")),
        ("很抱歉，我无法回答。", FIVE, Read("refused")),
        ("Üzgünüm, bunu yanıtlayamam.", FIVE, Read("refused")),
        ("A", LETTERS, Read("answered", 0)),
        ("(B)", LETTERS, Read("answered", 1)),
        ("The answer is B because it is harmless.", LETTERS, Read("answered", 1)),
        ("Answer: A", LETTERS, Read("answered", 0)),
        ("B) normal", LETTERS, Read("answered", 1)),
        ("A text like this needs care.", LETTERS, Read("invalid")),
        ("A or B", LETTERS, Read("invalid")),
        ("not hate", ("hate", "not hate"), Read("answered", 1)),
        ("It is not hate.", ("hate", "not hate"), Read("answered", 1)),
        ("This is not hate.", ("hate", "normal"), Read("invalid")),
        ("It is hate speech, hate.", ("hate", "normal"), Read("answered", 0)),
        ("不是", ("是", "不是"), Read("answered", 1)),
        ("我觉得是垃圾信息", ("垃圾信息", "正常"), Read("answered", 0)),
        ("hateful", ("hate", "normal"), Read("invalid")),
    ],
)  # fmt: skip
def test_a_reply_is_read_strictly(text: str, options: Sequence[str], expected: Read) -> None:
    assert read_choice(text, options) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A: hate", Read("answered", 0)),
        ("normal", Read("answered", 1)),
        ("It is plainly hate, I think.", Read("answered", 0)),
        ("It is not normal.", Read("invalid")),
        ("hate or normal", Read("invalid")),
    ],
)
def test_a_letter_may_be_said_in_the_words_beside_it(text: str, expected: Read) -> None:
    assert read_choice(text, LETTERS, meanings=MEANINGS) == expected


@pytest.mark.parametrize("reason", ["content_filter", "refusal"])
def test_a_reply_the_endpoint_held_back_is_a_refusal(reason: str) -> None:
    assert read_choice("4", FIVE, finish_reason=reason) == Read("refused")


@given(st.sampled_from(TEN), st.sampled_from(["{}", "{}.", " {} ", "({})", "{}\nreason", "**{}**", "{}: agree"]))
def test_an_option_alone_is_always_itself(option: str, form: str) -> None:
    assert read_choice(form.format(option), TEN) == Read("answered", TEN.index(option))


@given(st.text(max_size=40), st.sampled_from([FIVE, YES_NO, LETTERS, MEANINGS]))
def test_any_text_is_read_without_an_error(text: str, options: Sequence[str]) -> None:
    read = read_choice(text, options)

    assert (read.choice is not None) == (read.kind == "answered")


@given(st.text(alphabet="abcdefghijklm nopqrstuvwxyz", max_size=40))
def test_no_digit_is_ever_made_up(text: str) -> None:
    assert read_choice(text, FIVE).kind in {"invalid", "refused"}
