"""Merging: the rule, the exact search, k-means; what holds whatever the opinions are."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from culturepark.postprocess import neighbors
from culturepark.postprocess.dedupe import dedupe, merge_reason, rank
from culturepark.postprocess.distinct import DedupeSettings
from culturepark.postprocess.kmeans import cluster
from culturepark.postprocess.marks import marks
from culturepark.postprocess.near_text import near_text
from culturepark.postprocess.opinion import Opinion
from tests.postprocess.opinions import opinion

Vectors = NDArray[np.float32]


async def yes(one: str, other: str) -> bool:
    return True


async def no(one: str, other: str) -> bool:
    return False


def merge(opinions: list[Opinion], cosines: list[float], *, entailed: bool = False) -> list[tuple[str, str] | None]:
    """Dedupe opinions whose vectors have the given cosine to the first; what each was merged into, and why."""
    vectors = np.array([[1.0, 0.0], *([c, (1 - c * c) ** 0.5] for c in cosines)], dtype=np.float32)
    done = asyncio.run(dedupe(opinions, vectors, min_cosine=0.9, same=yes if entailed else no))
    return [(found.kept, str(found.merged_by)) if found.kept else None for found in done]


FIRST = opinion("Parents come first", confidence={"entail": 0.9, "contradict": 0.05, "irrelevant": 0.05})


@pytest.mark.parametrize(
    ("other", "cosine", "entailed", "reason"),
    [
        pytest.param(opinion("Parents go first here"), 0.95, False, "cosine", id="near"),
        pytest.param(opinion("Parents go first here"), 0.85, False, None, id="not-near"),
        pytest.param(opinion("PARENTS, come first!"), 0.5, False, "text", id="near-exact-whatever-the-vectors-say"),
        pytest.param(opinion("PARENTS, come first!", side="above"), 1.0, False, None, id="near-exact-other-side"),
        pytest.param(opinion("Parents come first?"), 1.0, False, None, id="near-exact-but-a-question"),
        pytest.param(opinion("Parents come first!", question="wvs7:Q28"), 1.0, False, None, id="near-exact-other-question"),
        pytest.param(opinion("Parents go first here", side="above"), 0.95, False, None, id="other-side"),
        pytest.param(opinion("Parents never come first"), 0.99, False, None, id="negation"),
        pytest.param(opinion("Parents come last"), 0.99, False, None, id="opposite"),
        pytest.param(opinion("Parents go first here", culture="korean"), 0.99, False, None, id="other-culture"),
        pytest.param(opinion("Parents go first here", language="tr"), 0.99, False, None, id="other-language"),
        pytest.param(opinion("Parents go first here", question="wvs7:Q28"), 0.99, False, None, id="other-question"),
        pytest.param(opinion("Parents go first", question="wvs7:Q28"), 0.99, True, "entailment", id="other-question-entailed"),
        pytest.param(opinion("Parents go first", stance=None), 0.99, True, "entailment", id="no-stance-entailed"),
    ],
)  # fmt: skip
def test_merge_rule(other: Opinion, cosine: float, entailed: bool, reason: str | None) -> None:
    assert merge([FIRST, other], [cosine], entailed=entailed) == [None, (FIRST.id, reason) if reason else None]


WORDS = (
    "we eat",
    "we eat together",
    "We eat!",
    "we do not eat",
    "we eat 2 meals",
    "Eid is ours",
    "mother cooks",
    "father cooks",
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Opinion], Vectors, float]:
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    vectors = rng.normal(size=(n, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = [
        opinion(
            WORDS[rng.integers(len(WORDS))],
            id=f"o{number}",
            question=f"wvs7:Q{27 + rng.integers(2)}",
            side=("below", "above")[rng.integers(2)],
            culture=("arabic", "korean")[rng.integers(2)],
            confidence={"entail": round(rng.random(), 1), "contradict": 0.0, "irrelevant": 0.0},
        )
        for number in range(n)
    ]
    return found, vectors, draw(st.sampled_from([-1.0, 0.0, 0.5, 0.9, 0.99, 1.0]))


async def parity(one: str, other: str) -> bool:
    """Some judge; all that counts is that it is the same one."""
    return (len(one) + len(other)) % 3 != 0


async def naive(
    opinions: Sequence[Opinion], vectors: Vectors, min_cosine: float
) -> list[tuple[str | None, str | None]]:
    """The rule, word by word: each opinion against all kept ones."""
    kept: list[int] = []
    found: dict[int, tuple[str, str]] = {}
    for place in sorted(range(len(opinions)), key=lambda one: rank(opinions[one])):
        own = opinions[place]
        order = []
        for age, other in enumerate(kept):
            there = opinions[other]
            cosine = float((vectors[other].astype(np.float64) * vectors[place].astype(np.float64)).sum())
            alike = near_text(own.text, own.language) == near_text(there.text, there.language)
            if alike or cosine >= min_cosine:
                order.append((not alike, age if alike else -cosine, age, other))
        for different, _, _, other in sorted(order):
            there = opinions[other]
            if (own.culture, own.language) != (there.culture, there.language):
                continue
            if marks(own.text, own.language) != marks(there.text, there.language):
                continue
            if reason := await merge_reason(own, there, parity, alike=not different):
                found[place] = (there.id, reason)
                break
        else:
            kept.append(place)
    return [found.get(place, (None, None)) for place in range(len(opinions))]


@given(cases(), st.integers(1, 9))
@settings(deadline=None)
def test_blocks_give_what_the_naive_loop_gives(case: tuple[list[Opinion], Vectors, float], block: int) -> None:
    opinions, vectors, min_cosine = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbors, "BLOCK", block)
        patch.setattr(neighbors, "CHUNK", 2)
        done = asyncio.run(dedupe(opinions, vectors, min_cosine=min_cosine, same=parity, concurrency=3))

    assert [(one.kept, one.merged_by) for one in done] == asyncio.run(naive(opinions, vectors, min_cosine))


def hold(opinions: Sequence[Opinion], done: Sequence[Opinion], vectors: Vectors) -> None:
    """What any way of merging promises."""
    by_id = {one.id: place for place, one in enumerate(done)}
    assert [one.id for one in done] == [one.id for one in opinions]
    for place, one in enumerate(done):
        assert (one.kept is None) == (one.dropped is None) == (one.merged_by is None) == (one.cosine is None)
        if one.kept is None:
            assert one == opinions[place]
            continue
        standing = done[by_id[one.kept]]
        assert standing.dropped is None
        assert standing.culture == one.culture
        assert one.cosine == pytest.approx(float(vectors[place] @ vectors[by_id[one.kept]]), abs=1e-5)


@pytest.mark.slow
@given(cases())
@settings(deadline=None, max_examples=25)
def test_every_removed_opinion_has_a_kept_one_and_their_order_does_not_matter(
    case: tuple[list[Opinion], Vectors, float],
) -> None:
    opinions, vectors, min_cosine = case
    order = np.random.default_rng(len(opinions)).permutation(len(opinions))
    ways = [
        lambda some, rows: asyncio.run(dedupe(some, rows, min_cosine=min_cosine, same=parity)),
        lambda some, rows: cluster(some, rows, k=3, keep="medoid"),
        lambda some, rows: cluster(some, rows, k=3, keep="longest"),
    ]
    for way in ways:
        done = way(opinions, vectors)
        hold(opinions, done, vectors)
        shuffled = way([opinions[place] for place in order], vectors[order])
        assert {one.id: one.kept for one in shuffled} == {one.id: one.kept for one in done}


@given(cases())
@settings(deadline=None)
def test_opinions_that_stay_are_apart_and_a_threshold_no_pair_reaches_merges_only_same_texts(
    case: tuple[list[Opinion], Vectors, float],
) -> None:
    opinions, vectors, min_cosine = case
    done = asyncio.run(dedupe(opinions, vectors, min_cosine=min_cosine, same=yes))
    kept = [one for one in done if one.dropped is None]
    place = {one.id: number for number, one in enumerate(opinions)}
    for one in kept:
        for other in kept:
            if one.id < other.id and one.culture == other.culture and one.stance and other.stance:
                near = float(vectors[place[one.id]] @ vectors[place[other.id]]) >= min_cosine + 1e-5
                allowed = marks(one.text, "en") == marks(other.text, "en") and asyncio.run(
                    merge_reason(other, one, yes, alike=False)
                )
                assert not (near and allowed)

    highest = asyncio.run(dedupe(opinions, vectors, min_cosine=2.0, same=yes))
    assert {one.merged_by for one in highest} <= {None, "text", "entailment"}
    for one in highest:
        if one.kept is not None:
            assert near_text(one.text, "en") == near_text(opinions[place[one.kept]].text, "en")


def test_a_higher_threshold_can_merge_more_because_chains_are_not_followed() -> None:
    # B is near A, C and D are near B only. Low: A takes B, so C and D stay. High: A loses B, which takes C and D.
    vectors = np.array([[1, 0, 0], [0.86, 0.51, 0], [0.62, 0.72, 0.31], [0.62, 0.72, -0.31]], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    opinions = [opinion(f"view{'x' * number}", id=f"o{number}") for number in range(4)]

    removed = [
        sum(one.dropped is not None for one in asyncio.run(dedupe(opinions, vectors, min_cosine=at, same=no)))
        for at in (0.85, 0.88, 0.999)
    ]

    assert removed == [1, 2, 0]


def test_the_judge_is_asked_only_where_code_cannot_decide() -> None:
    asked: list[tuple[str, str]] = []

    async def same(one: str, other: str) -> bool:
        asked.append((one, other))
        return False

    opinions = [FIRST, opinion("Parents go first"), opinion("Parents, first and foremost", question="wvs7:Q28"),
                opinion("Parents never matter", question="wvs7:Q28"), opinion("Parents lead", question="wvs7:Q28", side="above")]  # fmt: skip
    vectors = np.ones((5, 1), dtype=np.float32)
    asyncio.run(dedupe(opinions, vectors, min_cosine=0.9, same=same))

    assert asked == [("Parents lead", FIRST.text), ("Parents, first and foremost", FIRST.text)]


@pytest.mark.parametrize(("keep", "kept"), [("medoid", "bb"), ("longest", "a long one")])
def test_kmeans_keeps_one_of_each_cluster(keep: str, kept: str) -> None:
    angles = {"a long one": 0.0, "bb": 0.2, "ccc": 0.5, "far": 2.0, "FAR!": 2.1}
    vectors = np.array([[np.cos(angle), np.sin(angle)] for angle in angles.values()], dtype=np.float32)
    opinions = [opinion(text) for text in angles]

    done = cluster(opinions, vectors, k=2, keep=keep)  # type: ignore[arg-type]

    names = {one.id: one.text for one in done}
    reasons = {one.text: (names[one.kept], one.merged_by) for one in done if one.kept is not None}
    assert reasons == {
        **{text: (kept, "cluster") for text in ("a long one", "bb", "ccc") if text != kept},
        "FAR!": ("far", "text"),
    }


def test_kmeans_clusters_each_question_and_culture_alone_and_bears_k_above_n() -> None:
    opinions = [opinion("one", id="o1"), opinion("two", id="o2", question="wvs7:Q28"), opinion("three", id="o3", culture="korean"),
                opinion("four", id="o4")]  # fmt: skip
    vectors = np.ones((4, 2), dtype=np.float32) / np.float32(2**0.5)

    assert [one.kept for one in cluster(opinions, vectors, k=9, keep="medoid")] == [None] * 4
    # Equal vectors cannot fill two clusters.
    assert [one.kept for one in cluster([*opinions, opinion("five", id="o5")], np.ones((5, 1), dtype=np.float32), k=2,
                                        keep="medoid")] == [None, None, None, "o1", "o1"]  # fmt: skip


def test_kmeans_needs_k() -> None:
    with pytest.raises(ValueError, match=r"method kmeans needs k, the opinions kept .* \(--clusters\)"):
        DedupeSettings(method="kmeans")
