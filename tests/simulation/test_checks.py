"""Turn checks: cut what is not speech, name what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturepark.protocols.turn import Flag
from culturepark.simulation.checks import Utterances, copies, flags, tidy


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param("I like tea.", "I like tea.", id="plain"),
        pytest.param('Abdul: "I like tea."', "I like tea.", id="own-label-and-quotes"),
        pytest.param("**Abdul:** I like tea.", "I like tea.", id="markdown-label"),
        pytest.param("Lily: I like tea.", "I like tea.", id="addressed-by-label"),
        pytest.param("I like tea.\nLily: So do I.", "I like tea.", id="wrote-both-parts"),
        pytest.param('"Tea" is what we say.', '"Tea" is what we say.', id="quoted-word-stays"),
        pytest.param("He said: health first.", "He said: health first.", id="colon-stays"),
        pytest.param("I like tea. My brother li", "I like tea.", id="half-sentence-cut"),
        pytest.param("أحب الشاي؟ لا", "أحب الشاي؟", id="arabic"),
        pytest.param("我喜欢茶。但是", "我喜欢茶。", id="chinese"),
        pytest.param("[To Lily] I like tea.", "I like tea.", id="stage-direction"),
        pytest.param("(smiles) I like tea.", "I like tea.", id="gesture"),
        pytest.param("   \n ", "", id="blank"),
        pytest.param("Dr. Haddad takes 2.50 for it", "Dr. Haddad takes 2.50 for it", id="title-and-number-end-nothing"),
        pytest.param("🙂🙂", "🙂🙂", id="emoji"),
    ],
)
def test_tidy(reply: str, expected: str) -> None:
    assert tidy(reply, name="Abdul", others=["Lily"]) == expected


SAID = [
    ("lily", "I think that people should follow goals of their own in life."),
    ("abdul", "My father opened our shop in the year when I was born in Zarqa."),
]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        pytest.param("Making them proud matters to me.", "en", (), id="fine"),
        pytest.param("🙂 …", "en", ("empty",), id="no-words"),
        pytest.param("I'm sorry, but I can't assist with that.", "en", ("role_break",), id="refusal"),
        pytest.param("As an AI language model, I have no parents.", "en", ("role_break",), id="says-it-is-a-model"),
        pytest.param("Could you please provide more context?", "en", ("role_break",), id="assistant-phrase"),
        pytest.param("Abdul smiles and pours the tea.", "en", ("role_break",), id="narrator"),
        pytest.param("Yes: people should follow goals of their own in life.", "en", ("parrot",), id="copies-the-other"),
        pytest.param("My father opened our shop in the year I was born.", "en", ("repetition",), id="copies-oneself"),
        pytest.param("Peopleshould follow goals oftheir own in life.", "en", ("parrot",), id="copies-without-spaces"),
        pytest.param("我认为应该让父母骄傲。", "en", ("wrong_language",), id="chinese-in-an-english-talk"),
        pytest.param("我认为应该让父母骄傲。", "zh", (), id="chinese-in-a-chinese-talk"),
    ],
)
def test_flags(text: str, language: str, expected: tuple[Flag, ...]) -> None:
    found = flags(text, said=Utterances(SAID), speaker="abdul", name="Abdul", language=language, cut=False)

    assert found == expected


def test_a_reply_without_any_whole_sentence_is_truncated() -> None:
    found = flags("My father opened a", said=Utterances(), speaker="a", name="A", language="en", cut=True)

    assert found == ("truncated",)


@given(st.text(alphabet="ab cd我们", max_size=60), st.lists(st.text(alphabet="ab cd我们", max_size=60), max_size=4))
def test_a_copy_shares_three_tenths_of_its_runs_of_letters(text: str, said: list[str]) -> None:
    def runs(words: str) -> set[str]:
        letters = words.replace(" ", "")
        size = min(8 if sum(map(letters.count, "我们")) > len(letters) / 2 else 20, len(letters))
        return {letters[start : start + size] for start in range(len(letters) - size + 1)} if size else set()

    expected = [bool(runs(text)) and len(runs(text) & runs(earlier)) >= 0.3 * len(runs(text)) for earlier in said]

    assert copies(text, said).tolist() == expected
