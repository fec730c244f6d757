"""Sentences, fences and screening: what code decides, in every script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturepark.postprocess.fence import quoted
from culturepark.postprocess.screen import screen
from culturepark.postprocess.sentences import split_sentences
from culturepark.protocols.turn import Flag, Turn
from tests.postprocess.opinions import opinion


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I like tea. You do not!", ["I like tea.", "You do not!"]),
        ("Dr. Haddad pays 2.50 for it. Good.", ["Dr. Haddad pays 2.50 for it.", "Good."]),
        ('He said: "health first." I agree.', ['He said: "health first."', "I agree."]),
        ("我喜欢茶。你呢？好！", ["我喜欢茶。", "你呢？", "好！"]),
        ("أحب الشاي. هل تحبه؟ نعم", ["أحب الشاي.", "هل تحبه؟", "نعم"]),
        ("আমি চা ভালোবাসি। তুমি?", ["আমি চা ভালোবাসি।", "তুমি?"]),
        ("no full stop", ["no full stop"]),
        ("🙂 🙂", ["🙂 🙂"]),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert [sentence.text for sentence in split_sentences(text)] == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Am 3. Oktober feiern wir. Alle kommen.", ["Am 3. Oktober feiern wir.", "Alle kommen."]),
        ("de", "Ich esse z. B. Brot. Gern.", ["Ich esse z. B. Brot.", "Gern."]),
        ("de", "Er sagte: „Familie zuerst.“ Das stimmt.", ["Er sagte: „Familie zuerst.“", "Das stimmt."]),
        ("tr", "Kızım 3. sınıfta. Çok çalışıyor.", ["Kızım 3. sınıfta.", "Çok çalışıyor."]),
        ("en", "I have 3. You have 4.", ["I have 3.", "You have 4."]),
        ("es", "La Sra. Gómez trabaja. ¡Qué bien!", ["La Sra. Gómez trabaja.", "¡Qué bien!"]),
        ("pt-BR", "O Sr. João dirige. Gosto dele.", ["O Sr. João dirige.", "Gosto dele."]),
        ("ko", "나는 차를 좋아한다. 너는?", ["나는 차를 좋아한다.", "너는?"]),
    ],
)
def test_full_stops_that_end_nothing(language: str, text: str, expected: list[str]) -> None:
    assert [sentence.text for sentence in split_sentences(text, language=language)] == expected


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_sentences_are_disjoint_in_order_and_cover_everything(text: str) -> None:
    found = split_sentences(text)

    assert all(text[one.start : one.end] == one.text for one in found)
    assert all(before.end <= after.start for before, after in zip(found, found[1:], strict=False))
    inside = {place for one in found for place in range(one.start, one.end)}
    assert all(char.isspace() for place, char in enumerate(text) if place not in inside)


@given(st.text(max_size=300))
def test_no_text_closes_its_quotation(text: str) -> None:
    fenced = quoted(text)

    assert fenced[0] == fenced[-1] == '"'
    assert '"' not in fenced[1:-1]
    assert len(fenced.splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "about", "flags", "reason"),
    [
        pytest.param("Health matters most to me.", "own", (), None, id="kept-with-he-inside-a-word"),
        pytest.param("We say “first the guest” at home.", "own", (), None, id="quoted-word-mid-sentence"),
        pytest.param("My view is simple: parents first.", "own", (), None, id="colon"),
        pytest.param("أمي تعمل \u200fمنذ سنوات.", "own", (), None, id="right-to-left-mark"),
        pytest.param("父母最重要。", "own", (), None, id="five-chinese-characters"),
        pytest.param("মা ভালোবেসে চাকরি করে।", "own", (), None, id="short-bengali-counts-its-vowel-signs"),
        pytest.param("家人第一。", "own", (), "too_short", id="four-chinese-characters"),
        pytest.param("你怎么看这件事？", "own", (), "question", id="chinese-question"),
        pytest.param("They think work comes first.", "other", (), "about_other", id="about-others"),
        pytest.param("What do you think of that?", "own", (), "question", id="question"),
        pytest.param("هل تحب الشاي كل يوم؟", "own", (), "question", id="arabic-question"),
        pytest.param("Yes, sure.", "own", (), "too_short", id="too-short"),
        pytest.param("Health matters most to me.", "own", ("parrot",), "flagged_turn", id="parroted-turn"),
    ],
)
def test_screening(text: str, about: str, flags: tuple[Flag, ...], reason: str | None) -> None:
    turn = Turn(index=0, speaker="s", text=text, finish_reason="stop", model="m", flags=flags)

    (screened,) = screen([opinion(text, about=about)], turn, set())

    assert screened.dropped == reason
    assert screened.text == text


def test_the_same_words_count_once_a_talk() -> None:
    turn = Turn(index=0, speaker="s", text="Health matters most.", finish_reason="stop", model="m")
    seen: set[str] = set()

    reasons = [screen([opinion("Health matters most.")], turn, seen)[0].dropped for _ in range(2)]

    assert reasons == [None, "said_before"]
