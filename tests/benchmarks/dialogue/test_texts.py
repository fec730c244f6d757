"""What is said: distance from the seed, diversity, caricature, phrases, masks, kinds, views; all by hand."""

import numpy as np
import pytest

from culturepark.benchmarks.dialogue.caricature import exaggeration, told_apart
from culturepark.benchmarks.dialogue.novelty import clipped, diversity_gain, novelty
from culturepark.benchmarks.dialogue.patterns import essentialising, essentialising_rate, masked, unreviewed
from culturepark.benchmarks.dialogue.topics import Labelled, kinds, sub_kinds, topic_extension, understanding
from culturepark.benchmarks.dialogue.views import generic, minority_survival, refusals_by_view
from culturepark.postprocess.stance_mix import STAGES, Mix
from tests.benchmarks.dialogue.talking import talk

EAST, NORTH = np.array([1, 0], dtype=np.float32), np.array([0, 1], dtype=np.float32)
BETWEEN = np.array([0.6, 0.8], dtype=np.float32)


def test_novelty_and_diversity_gain_by_hand() -> None:
    said = np.stack([EAST, NORTH, BETWEEN])

    assert novelty(said, EAST) == pytest.approx([0, 1, 0.4])
    # To the nearer of EAST and BETWEEN: 0; NORTH and BETWEEN have cosine 0.8, so sqrt(2 - 1.6).
    assert diversity_gain(np.stack([EAST, NORTH]), np.stack([EAST, BETWEEN])) == pytest.approx([0, 0.4**0.5], abs=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("One, two; three four.", "One, two; three"), ("one two", None), ("我们都知道。", "我们都"), ("", None)],
)
def test_texts_are_clipped_to_one_length(text: str, expected: str | None) -> None:
    assert clipped(text, length=3) == expected


def test_the_gain_at_one_length_does_not_know_how_long_texts_are() -> None:
    short, long = "a b c d e f g h i j k l", "a b c d e f g h i j k l m n o p q r s t"

    assert clipped(short) == clipped(long) == short


def test_a_culture_is_told_from_the_talks_of_others() -> None:
    said = np.stack([EAST, EAST, NORTH, NORTH])

    found = told_apart(said, ["arabic", "arabic", "korean", "korean"], ["t1", "t2", "t3", "t4"])

    assert [(one.place, one.right, one.chance) for one in found] == [(place, True, 0.5) for place in range(4)]
    # The korean talk's own utterances do not help it: without them only one culture is left to choose.
    assert told_apart(said[:3], ["arabic", "arabic", "korean"], ["t1", "t2", "t3"]) == found[:2]
    assert told_apart(said, ["arabic"] * 4, ["t1", "t2", "t3", "t4"]) == []


def test_exaggeration_runs_from_the_question_to_the_persona() -> None:
    said = np.stack([EAST, NORTH, BETWEEN])

    # Along NORTH - EAST: BETWEEN - EAST is (-0.4, 0.8), times (-1, 1) over 2.
    assert exaggeration(said, persona=NORTH, question=EAST) == pytest.approx([0, 1, 0.6])
    assert exaggeration(said, persona=EAST, question=EAST) is None


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("In my culture we do so. IN OUR CULTURE too.", "en", ["in my culture", "in our culture"]),
        ("As a proud Turkish woman, I agree.", "en", ["as a proud turkish woman"]),
        ("As a matter of fact, I met a woman.", "en", []),
        ("We have always thought that.", "en", ["we have always"]),
        ("Walways people likeme", "en", []),
        ("Bizim kültürümüzde İYİdir.", "tr", ["bizim kültürümüzde"]),
        ("在我们的文化中很重要。", "zh", ["在我们的文化"]),
        ("作为一名中国女人,我同意。", "zh", ["作为一名中国女人"]),
        ("Na escola", "xx", []),
    ],
)  # fmt: skip
def test_essentialising_phrases(text: str, language: str, expected: list[str]) -> None:
    assert essentialising(text, language) == expected


def test_phrases_for_each_token_of_a_talk() -> None:
    assert essentialising_rate(talk("In my culture we fast.", "Good.")) == (1, 6)
    assert unreviewed(["en", "zh-Hans", "xx"]) == ("en", "xx", "zh")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("I am Lily from the United States.", "I am [name] from the [country]."),
        ("Abdul, Jordanians are Arabs.", "[name], [country] are [country]."),
        ("Turkish people agree, my lilypad.", "[country] people agree, my lilypad."),
    ],
)
def test_names_and_countries_are_masked(said: str, expected: str) -> None:
    held = talk(said)

    assert masked(held.turns[0], held) == expected


def label(word: str | None, turn: int = 0) -> Labelled:
    return Labelled(talk="t", turn=turn, seat="s", kind="answered" if word else "invalid", label=word)


def test_kinds_of_topics_by_hand() -> None:
    labels = [label(word) for word in ("moral belief", "family custom", None, "none", "family custom", "social belief")]

    assert kinds(labels) == {"belief": 2, "norm": 0, "custom": 2, "none": 1}
    assert {name: count for name, count in sub_kinds(labels).items() if count} == {
        "moral belief": 1, "social belief": 1, "family custom": 2, "none": 1,
    }  # fmt: skip
    assert topic_extension(labels) == 2
    assert topic_extension([label("none"), label(None)]) is None
    assert understanding([label("understands"), label("ignores"), label(None)]) == (1, 2)


def test_refusals_by_view() -> None:
    held = talk("I'm sorry, I can't discuss that.", "I agree.", "Well, yes.", "Of course.", codes=(1, 4))
    stopped = talk("", "", codes=(1, 4), finish_reason="content_filter")

    below, above = refusals_by_view([held, stopped])

    assert (below.stance, below.count, below.n) == ("below", 2, 3)
    assert (above.stance, above.count, above.n) == ("above", 1, 3)


def test_opinions_that_many_cultures_share_say_nothing_of_any() -> None:
    vectors = np.stack([EAST, EAST, EAST, NORTH])
    cultures = ["arabic", "korean", "turkish", "korean"]

    assert generic(vectors, cultures, min_cosine=0.9, shared_by=3) == [True, True, True, False]
    assert generic(vectors, cultures, min_cosine=0.9) is None


def test_minority_stances_from_survey_to_samples() -> None:
    counts = dict(zip(STAGES, (1.0, 10.0, 4.0, 2.0), strict=True))
    shares = dict(
        zip(STAGES, ({"1": 0.9, "4": 0.1}, {"1": 0.8, "4": 0.2}, {"1": 0.75, "4": 0.25}, {"1": 1.0}), strict=True)
    )
    mix = Mix(
        culture="arabic", country="JOR", question="wvs7:Q27", counts=counts, shares=shares,
        unsure=dict.fromkeys(STAGES, 0.0), moved={},
    )  # fmt: skip

    found = minority_survival([mix, mix.model_copy(update={"question": None})])

    assert [(one.stage, one.count, one.n) for one in found] == [
        ("survey", pytest.approx(1), 10), ("talks", pytest.approx(2), 10), ("verified", 1, 4), ("distinct", 0, 2),
    ]  # fmt: skip
    assert found[0].share == pytest.approx(0.1)
