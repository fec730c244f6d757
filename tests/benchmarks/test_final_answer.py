"""The final answer of a reply: one plainly stated number or phrase, and nothing else."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturepark.benchmarks.forgetting.final_answer import final_number, final_words, plain_words, read_number


@pytest.mark.parametrize(
    ("reply", "number"),
    [
        ("#### 42", 42),
        ("3 + 4 = 7\n#### 1,234", 1234),
        ("The answer is 42.", 42),
        ("**The answer is: $1,234.50**", Fraction(2469, 2)),
        ("So the final answer is -5 degrees.", -5),
        ("the answer is -$5", -5),
        ("The answer is −5.", -5),
        ("The answer is 12 000 people", 12000),
        ("The answer is 3/4 of it.", Fraction(3, 4)),
        ("The answer is 3.0", 3),
        ("The answer is 5 + 3 = 8 apples.", 8),
        ("The answer is 10 minutes. That is 600 seconds.", 10),
        ("The answer is\n\n42", 42),
        (r"Therefore \boxed{18}.", 18),
        ("answer is 4. Wait, the answer is 5", 5),
        ("الإجابة هي ٤٢", 42),
        ("উত্তর: ১,২৩৪", 1234),
        ("答案是42。", 42),
        ("La respuesta es 7", 7),
        ("18 apples", 18),
        ("$18", 18),
        ("First 3 + 4.\n\n18", 18),
        ("5 + 3 = 8", 8),
        ("The answer is 3 or 4", None),
        ("The answer is not 5", None),
        ("The answer is forty-two", None),
        ("The answer is 2 hours and 30 minutes", None),
        ("The answer is 1.234,5", None),
        ("The answer is 7:30", None),
        ("#### 5.5.5", None),
        ("The answer is 1e3", None),
        ("The answer is 4/0", None),
        ("It costs 5 dollars, so she pays 7", None),
        ("a 5-year-old", None),
        ("1" * 5000, None),
        ("The answer is " + "1,111," * 2000, None),
        ("", None),
    ],
)
def test_a_number_is_read_only_where_one_is_stated(reply: str, number: Fraction | int | None) -> None:
    assert final_number(reply) == number


@given(st.integers(-(10**12), 10**12), st.sampled_from(["{:,}", "{}", "{}.00"]), st.sampled_from(["", "$"]))
def test_every_number_is_read_back_however_it_is_written(number: int, layout: str, currency: str) -> None:
    written = layout.format(number)
    said = f"-{currency}{written[1:]}" if number < 0 else f"{currency}{written}"

    assert final_number(f"It takes 17 steps and 4.\nThe answer is {said}.") == number


@given(st.text())
def test_no_reply_breaks_the_parsers(reply: str) -> None:
    assert read_number(reply) is None or isinstance(read_number(reply), Fraction)
    assert final_number(reply) is None or isinstance(final_number(reply), Fraction)
    assert final_words(reply) != ""


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("] )", "] )"),
        ("Yes.", "yes"),
        ("Let me think.\nSo the answer is True.", "true"),
        ("apple  banana", "apple banana"),
        ("`valid`", "valid"),
        ("I think\nit is valid", None),
        ("", None),
    ],
)
def test_words_are_the_whole_reply_or_stated(reply: str, words: str | None) -> None:
    assert final_words(reply) == words


def test_brackets_are_answers() -> None:
    assert plain_words("( [ ] )") == "( [ ] )"
