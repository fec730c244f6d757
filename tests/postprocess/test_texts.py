"""Sentences, fences, screening and merging: what code decides, in every script."""

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturepark.personas.stance import Stance
from culturepark.postprocess.dedupe import dedupe, marks
from culturepark.postprocess.fence import quoted
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.screen import screen
from culturepark.postprocess.sentences import split_sentences
from culturepark.protocols.turn import Flag, Turn


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


def opinion(
    text: str, *, question: str = "wvs7:Q27", side: str = "below", culture: str = "arabic", **more: object
) -> Opinion:
    stance = Stance.model_validate(
        {"question": question, "code": 1, "words": "w", "side": side, "share": 0.5, "n": 10, "weighted": False,
         "country": "JOR", "chosen": "sampled"}
    )  # fmt: skip
    return Opinion.model_validate(
        {"id": f"o_{text}_{culture}", "text": text, "quote": text, "start": 0, "end": len(text), "talk": "t", "turn": 0,
         "speaker": "s", "culture": culture, "country": "JOR", "question": question, "stance": stance, "about": "own", **more}
    )  # fmt: skip


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


@pytest.mark.parametrize(
    ("language", "one", "other", "same"),
    [
        ("en", "I work.", "I do not work.", False),
        ("en", "I work.", "I don't work.", False),
        ("en", "All women work.", "Some women work.", False),
        ("en", "I have 2 sons.", "I have 3 sons.", False),
        ("en", "I work at home.", "At home I work.", True),
        ("en", "She likes her job.", "She likes the job.", True),
        ("tr", "Her kadın çalışır.", "Kadın çalışır.", False),
        ("tr", "Çalışmıyorum.", "Çalışıyorum.", False),
        ("tr", "Bunu istemem.", "Bunu isterim.", False),
        ("zh", "我不工作。", "我工作。", False),
        ("ko", "나는 일하지 않는다.", "나는 일한다.", False),
        ("de", "Ich arbeite nicht.", "Ich arbeite.", False),
        ("de", "Ich arbeite zu Hause.", "Zu Hause arbeite ich.", True),
        ("es", "No trabajo.", "Trabajo.", False),
        ("es", "Trabajo a veces.", "Trabajo.", False),
        ("pt-BR", "Não trabalho.", "Trabalho.", False),
        ("pt-BR", "Trabalho no Brasil.", "Trabalho aqui.", True),
        ("ar", "لا أعمل.", "أعمل.", False),
        ("ar", "ولا أعمل أبداً.", "وأعمل.", False),
        ("bn", "আমি কাজ করি না।", "আমি কাজ করি।", False),
        ("bn", "এটা ঠিক নয়।", "এটা ঠিক।", False),
        ("bn", "সব নারী কাজ করে।", "নারী কাজ করে।", False),
        ("el", "I do not work.", "I work.", False),
    ],
)
def test_words_that_change_the_meaning(language: str, one: str, other: str, same: bool) -> None:
    assert (marks(one, language) == marks(other, language)) == same


def merge(opinions: list[Opinion], cosines: list[float], *, entailed: bool = False) -> list[str | None]:
    """Dedupe opinions whose vectors have the given cosine to the first; returns what each was merged into."""
    vectors = np.array([[1.0, 0.0], *([c, (1 - c * c) ** 0.5] for c in cosines)], dtype=np.float32)

    async def same(one: str, other: str) -> bool:
        return entailed

    return [found.kept for found in asyncio.run(dedupe(opinions, vectors, min_cosine=0.9, same=same))]


def test_merge_rule() -> None:
    first = opinion("Parents come first", confidence={"entail": 0.9, "contradict": 0.05, "irrelevant": 0.05})
    assert merge([first, opinion("Parents go first here")], [0.95]) == [None, first.id]
    assert merge([first, opinion("Parents go first here")], [0.85]) == [None, None]
    assert merge([first, opinion("Parents go first here", side="above")], [0.95]) == [None, None]
    assert merge([first, opinion("Parents never come first")], [0.99]) == [None, None]
    assert merge([first, opinion("Parents go first here", culture="korean")], [0.99]) == [None, None]
    assert merge([first, opinion("Parents go first here", language="tr")], [0.99]) == [None, None]
    assert merge([first, opinion("Parents go first here", question="wvs7:Q28")], [0.99]) == [None, None]
    assert merge([first, opinion("Parents go first here", question="wvs7:Q28")], [0.99], entailed=True) == [
        None,
        first.id,
    ]


@given(st.integers(2, 25), st.integers(0, 10**6))
def test_merging_makes_no_chains(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    opinions = [opinion(f"view {chr(97 + number)}") for number in range(n)]

    async def same(one: str, other: str) -> bool:
        return True

    found = asyncio.run(dedupe(opinions, vectors, min_cosine=0.5, same=same))

    kept = {one.id for one in found if one.dropped is None}
    place = {one.id: number for number, one in enumerate(found)}
    for one in found:
        if one.kept is not None:
            assert one.kept in kept
            assert vectors[place[one.id]] @ vectors[place[one.kept]] >= 0.5 - 1e-5
    held = [place[one] for one in kept]
    assert all(vectors[a] @ vectors[b] < 0.5 + 1e-5 for a in held for b in held if a != b)
