"""Words that set two opinions apart, and ways of writing that do not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturepark.postprocess.marks import Difference, differences, marks
from culturepark.postprocess.near_text import near_text


@pytest.mark.parametrize(
    ("language", "one", "other", "kinds"),
    [
        ("en", "I work.", "I do not work.", ["negation"]),
        ("en", "I do not work.", "I don't work.", []),
        ("en", "I don’t work.", "I don't work.", []),
        ("en", "No, women should work.", "No women should work.", ["negation"]),
        ("en", "Yes, I trust them.", "I trust them.", []),
        ("en", "All women work.", "Some women work.", ["quantifier"]),
        ("en", "All women work.", "Every woman works.", []),
        ("en", "I have 2 sons.", "I have 3 sons.", ["number"]),
        ("en", "I have 2 sons.", "I have two sons.", []),
        ("en", "It costs 1.5 dinars.", "It costs 15 dinars.", ["number"]),
        ("en", "I work at home.", "At home I work.", []),
        ("en", "She likes her job.", "She likes the job.", []),
        ("en", "I trust them.", "I distrust them.", ["opposite"]),
        ("en", "My mother adds cardamom.", "My mother adds saffron.", ["word"]),
        ("en", "My mother adds cardamom.", "My mother is adding cardamom.", []),
        ("en", "My mother adds cardamom.", "Cardamom is what my mother likes.", []),
        ("ko", "저녁에 아버지는 책을 읽으신다.", "저녁에 아버지는 신문을 읽으신다.", ["word"]),
        ("zh", "晚上爸爸喜欢画山水。", "晚上爸爸喜欢画花鸟。", ["word"]),
        ("pt", "No sábado a gente joga futebol na praia.", "No sábado a gente joga vôlei na praia.", ["custom"]),
        ("de", "Zur Taufe kamen zwölf Gäste.", "Zur Taufe kamen sechzig Gäste.", ["number"]),
        ("en", "We visit Aqaba every spring.", "We visit Petra every spring.", ["name"]),
        ("en", "Aqaba is what we love.", "What we love is Aqaba.", []),
        ("en", "At Eid we all meet.", "At Diwali we all meet.", ["custom", "name"]),
        ("en", "People can be trusted.", "People can be trusted?", ["question"]),
        ("tr", "Her kadın çalışır.", "Kadın çalışır.", ["quantifier"]),
        ("tr", "Çalışmıyorum.", "Çalışıyorum.", ["negation"]),
        ("tr", "Bunu istemem.", "Bunu isterim.", ["negation"]),
        ("tr", "Deniz temiz ve çok güzel.", "Deniz çok güzel.", []),
        ("zh", "我不工作。", "我工作。", ["negation"]),
        ("zh", "我非常喜欢工作。", "我很喜欢工作。", []),
        ("zh", "等了4年。", "等了14年。", ["number"]),
        ("zh", "两代人住在一起。", "三代人住在一起。", ["number"]),
        ("zh", "不，喜欢吃饭。", "不喜欢吃饭。", ["negation"]),
        ("ko", "나는 일하지 않는다.", "나는 일한다.", ["negation"]),
        ("ko", "우리는 안전하다.", "우리는 편하다.", []),
        ("de", "Ich arbeite nicht.", "Ich arbeite.", ["negation"]),
        ("de", "Ich arbeite zu Hause.", "Zu Hause arbeite ich.", []),
        ("es", "No trabajo.", "Trabajo.", ["negation"]),
        ("es", "Trabajo a veces.", "Trabajo.", ["quantifier"]),
        ("pt-BR", "Não trabalho.", "Trabalho.", ["negation"]),
        ("pt-BR", "Trabalho no Brasil.", "Trabalho aqui no Brasil.", []),
        ("ar", "لا أعمل.", "أعمل.", ["negation"]),
        ("ar", "ولا أعمل أبداً.", "وأعمل.", ["negation"]),
        ("ar", "أثق بمعظم الناس.", "أثق ببعض الناس.", ["quantifier"]),
        ("bn", "আমি কাজ করি না।", "আমি কাজ করি।", ["negation"]),
        ("bn", "এটা ঠিক নয়।", "এটা ঠিক।", ["negation"]),
        ("bn", "সব নারী কাজ করে।", "নারী কাজ করে।", ["quantifier"]),
        ("bn", "আমার ১০ টাকা আছে।", "আমার 10 টাকা আছে।", []),
        ("el", "I do not work.", "I work.", ["negation"]),
    ],
)  # fmt: skip
def test_words_that_change_the_meaning(language: str, one: str, other: str, kinds: list[str]) -> None:
    assert [found.kind for found in differences(one, other, language)] == kinds
    assert [found.kind for found in differences(other, one, language)] == kinds
    assert (marks(one, language) == marks(other, language)) == (
        not {"negation", "quantifier", "number", "custom"} & {*kinds}
    )


def test_a_difference_names_the_words() -> None:
    found = differences("All my sons trust Ahmed.", "My two sons doubt Salim.", "en")

    assert found == (
        Difference("quantifier", ("all",), ()),
        Difference("number", (), ("2",)),
        Difference("opposite", ("trust",), ("doubt",)),
        Difference("name", ("Ahmed",), ("Salim",)),
    )


@given(st.text(max_size=80), st.sampled_from(["en", "tr", "zh", "ar", "bn", "ko", "de", "xx"]))
def test_no_text_differs_from_itself(text: str, language: str) -> None:
    assert differences(text, text, language) == ()


@pytest.mark.parametrize(
    ("language", "one", "other", "same"),
    [
        ("en", "Parents come first!", "parents  come FIRST", True),
        ("en", "“Parents” come first…", "Parents come first.", True),
        ("en", "It costs 1.5 dinars.", "It costs 15 dinars.", False),
        ("en", "It costs 3-4 dinars.", "It costs 34 dinars.", False),
        ("en", "It is -5 degrees.", "It is 5 degrees.", False),
        ("en", "I give 10 %.", "I give 10.", False),
        ("en", "I give 10%.", "I give 10%!", True),
        ("en", "People can be trusted?", "People can be trusted.", False),
        ("tr", "KADIN ÇALIŞIR", "kadın çalışır.", True),
        ("tr", "ILIK", "ilik", False),
        ("de", "Ich trinke in Maßen.", "Ich trinke in Massen.", False),
        ("ar", "العائلة أولا.", "العـــائلة أولا", True),
        ("ar", "أمي تعمل \u200fمنذ سنوات.", "أمي تعمل منذ سنوات", True),
        ("zh", "我喜欢茶。", "我 喜欢 茶", True),
        ("zh", "不，喜欢吃。", "不喜欢吃。", False),
        ("ko", "가족이 먼저다.", unicodedata.normalize("NFD", "가족이 먼저다"), True),
        ("bn", "পরিবার আগে।", "পরিবার  আগে", True),
        ("en", "Ｆａｍｉｌｙ ｆｉｒｓｔ", "Family first", True),
    ],
)
def test_ways_of_writing_do_not_count(language: str, one: str, other: str, same: bool) -> None:
    assert (near_text(one, language) == near_text(other, language)) == same


@given(st.text(max_size=80))
def test_near_text_is_the_same_done_twice(text: str) -> None:
    once = near_text(text, "en")

    assert near_text(once, "en") == once
