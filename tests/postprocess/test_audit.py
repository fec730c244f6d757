"""The audit: removed beside kept, stances at every arrow, fates by stance; and its page."""

import json
from html.parser import HTMLParser

import pytest

from culturepark.personas.question import Scale
from culturepark.personas.surveys.survey import load_survey
from culturepark.postprocess.audit import audit, removals, word_changes
from culturepark.postprocess.audit_page import audit_page
from culturepark.postprocess.stance_mix import earth_movers, fates, place, rate, stance_mixes
from tests.postprocess.opinions import opinion

KEPT = opinion("We eat at home.", id="o1")
NASTY = "<script>alert('x')</script> All eat {{ 7 * 7 }} at home."
MERGED = opinion(NASTY, id="o2", dropped="merged", kept="o1", cosine=0.93, merged_by="cluster")


def test_each_removed_opinion_stands_beside_its_kept_one_with_what_differs() -> None:
    (found,) = removals([MERGED, KEPT, opinion("No view.", id="o3", dropped="irrelevant")])

    assert (found.text, found.kept_text, found.cosine, found.reason) == (NASTY, "We eat at home.", 0.93, "cluster")
    assert [(one.kind, one.removed, one.kept) for one in found.changes] == [
        ("quantifier", ("all",), ()),
        ("number", ("7",), ()),
    ]


@pytest.mark.parametrize(
    ("removed", "kept", "language", "lost", "gained"),
    [
        ("We eat fish at home.", "we eat at home", "en", ("fish",), ()),
        ("We eat fish.", "We eat rice.", "en", ("fish",), ("rice",)),
        ("我们吃鱼。", "我们吃饭。", "zh", ("鱼",), ("饭",)),
        ("", "We eat.", "en", (), ("We", "eat")),
    ],
)
def test_word_changes(removed: str, kept: str, language: str, lost: tuple[str, ...], gained: tuple[str, ...]) -> None:
    assert word_changes(removed, kept, language) == (lost, gained)


FOUR = Scale(codes=(1, 2, 3, 4), labels={})


@pytest.mark.parametrize(("code", "expected"), [(1, 0.0), (2, 1 / 3), (4, 1.0)])
def test_places_on_a_scale(code: int, expected: float) -> None:
    assert place(FOUR, code) == pytest.approx(expected)


def test_hard_to_say_has_no_place() -> None:
    assert place(Scale(codes=(1, 2, 3, 9), labels={}, unsure=(9,)), 9) is None
    assert place(Scale(codes=(1, 2, 3, 9), labels={}, unsure=(9,)), 3) == 1.0


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({0.0: 1.0}, {1.0: 1.0}, 1.0),
        ({0.0: 1.0}, {0.0: 5.0}, 0.0),
        ({0.0: 0.5, 1.0: 0.5}, {0.5: 1.0}, 0.5),
        ({}, {0.5: 1.0}, None),
    ],
)
def test_earth_movers_distance(one: dict[float, float], other: dict[float, float], expected: float | None) -> None:
    assert earth_movers(one, other) == pytest.approx(expected)


def test_stances_move_from_verified_to_distinct() -> None:
    opinions = [
        opinion("a", id="a", code=1),
        opinion("b", id="b", code=1, dropped="merged", kept="a", cosine=1.0, merged_by="text"),
        opinion("c", id="c", code=3, side="above"),
        opinion("d", id="d", code=3, side="above", dropped="contradict"),
    ]

    pooled, single = stance_mixes(load_survey("wvs7"), [], opinions)

    assert (pooled.question, single.question) == (None, "wvs7:Q27")
    assert single.counts == {"survey": 1, "talks": 0, "verified": 3, "distinct": 2}
    assert single.shares["verified"] == {"1": pytest.approx(2 / 3), "3": pytest.approx(1 / 3)}
    # A sixth of the mass goes two of three steps.
    assert single.moved == {
        "survey -> talks": None, "talks -> verified": None, "verified -> distinct": pytest.approx(1 / 6 * 2 / 3),
    }  # fmt: skip
    assert pooled.moved["verified -> distinct"] == pytest.approx(1 / 6 * 2 / 3)
    assert sum(single.shares["survey"].values()) == pytest.approx(1)


def test_a_view_that_is_refused_more_is_flagged() -> None:
    opinions = [opinion(f"b{n}", id=f"b{n}", dropped="contradict" if n < 2 else None) for n in range(20)]
    opinions += [
        opinion(f"a{n}", id=f"a{n}", side="above", code=4, dropped="contradict" if n < 18 else None) for n in range(20)
    ]

    found = {(fate.culture, fate.question, fate.outcome): fate for fate in fates(opinions)}

    assert found[None, None, "contradict"].uneven
    assert [(one.stance, one.count, one.n) for one in found[None, None, "contradict"].rates] == [
        ("above", 18, 20),
        ("below", 2, 20),
    ]
    assert [one.stance for one in found[None, "wvs7:Q27", "verified"].rates] == ["1", "4"]
    assert (
        sum(one.count for fate in found.values() if (fate.culture, fate.question) == (None, None) for one in fate.rates)
        == 40
    )


def test_wilson_intervals() -> None:
    found = rate("below", 2, 20)

    assert (found.share, found.low, found.high) == pytest.approx((0.1, 0.0279, 0.3010), abs=1e-4)


def test_the_page_escapes_model_text_and_loads_nothing() -> None:
    found = audit("runs/<b>x</b>", load_survey("wvs7"), [], [KEPT, MERGED])
    page = audit_page(found)

    class Tags(HTMLParser):
        seen: list[tuple[str, dict[str, str | None]]] = []
        text = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.seen.append((tag, dict(attrs)))

        def handle_data(self, data: str) -> None:
            self.text += data

    tags = Tags()
    tags.feed(page)
    assert not {"script", "img", "link", "b", "iframe"} & {tag for tag, _ in tags.seen}
    assert not any({"src", "href"} & attributes.keys() for _, attributes in tags.seen)
    assert NASTY in tags.text
    assert ("td", {"class": "text", "dir": "auto"}) in tags.seen
    assert json.loads(found.model_dump_json())["removals"][0]["opinion"] == "o2"
