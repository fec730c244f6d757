"""What was done to an opinion, line by line."""

from culturepark.postprocess.judged import judged_words
from tests.postprocess.opinions import opinion


def test_everything_that_was_found_out_has_a_line() -> None:
    known = opinion(
        "I keep to them.",
        kind="custom",
        voice="first",
        verdict="entail",
        confidence={"entail": 0.9, "contradict": 0.04, "irrelevant": 0.06},
        second={"judge": "openai:other", "verdict": None},
        rewrites=[
            {"aim": "stance", "before": "I do not.", "after": "He keeps to them.", "verdicts": ["contradict", "entail"],
             "kept": True},
            {"aim": "first_person", "before": "He keeps to them.", "after": "I keep to them.",
             "verdicts": ["entail", "irrelevant"], "kept": False},
            {"aim": "stance", "before": "No.", "after": None, "verdicts": ["contradict", None], "kept": False},
        ],
        share_check={"question": "wvs7:Q27", "country": "JOR", "side": "below", "claimed": [0.5, 1.0], "share": 0.988,
                     "n": 1175, "holds": True},
        novelty={"nearest": "wvs7:Q28", "distance": 0.412, "corroborated_by": ["o_1"]},
    )  # fmt: skip

    assert list(judged_words(known, "unvalidated")) == [
        "read as: a custom, about: own, in the first person",
        "judged against the speaker's stance: entail (0.90); judge unvalidated",
        "second judge, openai:other: no verdict",
        "reworded to agree with the stance (contradict before, entail after; kept): I do not. -> He keeps to them.",
        "reworded into the first person (it implies the new text: entail; the other way round: irrelevant; not kept): "
        "He keeps to them. -> I keep to them.",
        "reworded to agree with the stance: no draw gave a text that can be used",
        "says that 50 to 100 % of JOR are below on wvs7:Q27; the survey: 98.8 % of 1175 valid answers, so it holds",
        "novel: nearest seed question wvs7:Q28 at distance 0.41; 1 independent talk voices it, too",
    ]


def test_an_opinion_nobody_judged_says_only_what_was_read() -> None:
    assert list(judged_words(opinion("Why?", kind="fact"), "unvalidated")) == ["read as: a fact, about: own"]
