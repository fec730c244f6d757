"""From utterances to samples, through the real ledger, HTTP and store; the models' words are scripted."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from culturepark.postprocess.opinion import Opinion
from culturepark.runtime.errors import ModelError
from culturepark.simulation.transcript import Parent
from tests.postprocess.talking import Scripted, refined, talk
from tests.stub_server import Fault, serving

PROUD = "making one's parents proud is one of the main goals in life"
OWN_GOALS = "people should live for goals of their own, not to make their parents proud"


def server(answer: Any, *, logprobs: bool = False, **settings: Any) -> Any:
    """A scripted model that gives labels alone, unless asked otherwise: one with log-probabilities is fitted first."""
    return serving(answer=answer, logprobs=logprobs, **settings)


def judging(**sides: str) -> Callable[[str, str], str]:
    """A judge that finds each text, known by a word in it, on one side of Q27: `proud`, `own` or `none`."""

    def implies(premise: str, hypothesis: str) -> str:
        side = next((side for word, side in sides.items() if word in premise), "none")
        if hypothesis not in {PROUD, OWN_GOALS} or side == "none":
            return "irrelevant"
        return "entail" if (side == "proud") == (hypothesis == PROUD) else "contradict"

    return implies


def everything_agrees(_premise: str, hypothesis: str) -> str:
    return "contradict" if hypothesis == OWN_GOALS else "entail"


@pytest.mark.parametrize("logprobs", [True, False])
def test_texts_that_break_others_pass_unharmed(logprobs: bool, tmp_path: Path) -> None:
    texts = [
        "At home we say “first the guest” before anything else, and they keep to it.",
        'My uncle calls it "the debt of milk" and I agree with him.',
        "Health matters most to me, whether or not others breathe easier.",
        "Whatever they gathered there, my own theory is that they then bothered.",
        "My view is simple: parents come first, always.",
        "I ❤️ my parents 👨‍👩‍👧 more than e\u0301clairs, honestly.",
    ]
    with server(Scripted(everything_agrees), logprobs=logprobs) as stub:
        arabic = talk("أمي \u200fتقول لي: العائلة أولا، وأنا أؤمن بذلك.", identifier="t_2", language="ar")
        found = refined(tmp_path, stub.base_url, [talk(*texts), arabic])

    assert found.texts == [*texts, arabic.turns[0].text]
    assert {opinion.voice for opinion in found.opinions} == {"first"}
    assert not any(opinion.rewrites for opinion in found.opinions)


def test_a_contradiction_is_rewritten_and_the_text_after_is_verified(tmp_path: Path) -> None:
    said = "I live for goals of my own, as Omar does."
    after = 'I want to make my parents proud: that is "the goal", as for Omar.'
    with server(Scripted(judging(goals="own", proud="proud"), reword=lambda *_: after)) as stub:
        found = refined(tmp_path, stub.base_url, [talk(said)])
        asked = [body["messages"][-1]["content"] for body in stub.bodies]

    (opinion,) = found.opinions
    assert found.texts == [after] == [opinion.text]
    assert opinion.quote == said
    (change,) = opinion.rewrites
    assert (change.aim, change.before, change.after, change.verdicts, change.kept) == (
        "stance", said, after, ("contradict", "entail"), True,
    )  # fmt: skip
    assert (opinion.verdict, opinion.verdict_as_said) == ("entail", "contradict")
    assert f'The belief: "I believe that {PROUD}."' in "\n".join(asked)
    assert any(question.startswith('"I want to make my parents proud') for question in asked)
    assert found.funnel.rewritten.model_dump() == {"tried": 1, "kept": 1}


@pytest.mark.parametrize(
    ("after", "settings", "reason", "rewrites", "verdicts"),
    [
        ("I will live for goals that are mine.", {}, "rewrite_rejected", 1, ("contradict", "contradict")),
        ("Tea is good in the morning, I think.", {}, "rewrite_rejected", 1, ("contradict", "irrelevant")),
        ("I live for goals of my own.", {}, "rewrite_failed", 1, ("contradict", None)),
        ("  ", {}, "rewrite_failed", 1, ("contradict", None)),
        ("👍👍👍", {}, "rewrite_failed", 1, ("contradict", None)),
        ("proud " * 200, {}, "rewrite_failed", 1, ("contradict", None)),
        ("I am proud.", {"rewrite": False}, "contradict", 0, None),
    ],
    ids=["still-against", "something-else", "the-same", "blank", "no-words", "a-flood", "switched-off"],
)
def test_what_cannot_be_rewritten_is_dropped_with_its_reason(
    after: str, settings: dict[str, Any], reason: str, rewrites: int, verdicts: object, tmp_path: Path
) -> None:
    with server(Scripted(judging(goals="own", proud="proud"), reword=lambda *_: after)) as stub:
        found = refined(tmp_path, stub.base_url, [talk("I live for goals of my own.")], **settings)

    (opinion,) = found.opinions
    assert (opinion.dropped, len(opinion.rewrites)) == (reason, rewrites)
    assert opinion.text == opinion.quote
    assert found.funnel.dropped == {reason: 1}
    assert [change.verdicts for change in opinion.rewrites] == [verdicts] * rewrites


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("As I said, it depends.", "judge_failed"),
        ("Entail", "judge_failed"),
        ('{"verdict": "Ye', "judge_failed"),
        ("", "judge_failed"),
        ("yes.", None),
    ],
)
@pytest.mark.parametrize("logprobs", [True, False])
def test_a_judge_that_gives_no_label_is_never_guessed_for(
    reply: str, reason: str | None, logprobs: bool, tmp_path: Path
) -> None:
    def implies(premise: str, hypothesis: str) -> str:
        return reply if premise == "Parents come first for me." and hypothesis == PROUD else "No"

    pair = f'"Parents come first for me." Question: does this imply that "{PROUD}"'
    with server(Scripted(implies), logprobs=logprobs) as stub:
        found = refined(tmp_path, stub.base_url, [talk("Parents come first for me.")])
        asked = [body["seed"] for body in stub.bodies if body["messages"][-1]["content"].startswith(pair)]

    assert [opinion.dropped for opinion in found.opinions] == [reason]
    assert asked == ([0, 1] if reason else [0])


def test_views_of_the_speakers_own_are_put_into_the_first_person_by_the_model(tmp_path: Path) -> None:
    said = 'Abdul is certain that parents come first, as "they" say.'
    after = 'I am certain that parents come first, as "they" say.'
    with server(Scripted(everything_agrees, reword=lambda *_: after)) as stub:
        found = refined(tmp_path, stub.base_url, [talk(said)])

    (opinion,) = found.opinions
    assert (opinion.voice, opinion.text, opinion.judged_text, found.texts) == ("first", after, said, [after])
    (change,) = opinion.rewrites
    assert (change.aim, change.before, change.verdicts, change.kept) == (
        "first_person",
        said,
        ("entail", "entail"),
        True,
    )
    assert found.funnel.voice.model_dump() == {"first": 1, "third": 0, "changed": 1}


@pytest.mark.parametrize(
    ("after", "there", "about", "verdicts"),
    [
        pytest.param(
            "I am certain that tea comes first.", "irrelevant", "own", ("irrelevant", "entail"), id="not-both-ways"
        ),
        pytest.param("Abdul surely puts parents first.", "entail", "own", (None, None), id="still-third"),
        pytest.param("I am certain that parents come first.", "entail", "general", None, id="about-people"),
    ],
)
def test_failing_that_the_third_person_stays_and_says_so(
    after: str, there: str, about: str, verdicts: object, tmp_path: Path
) -> None:
    said = "Abdul is certain that parents come first."

    def implies(premise: str, hypothesis: str) -> str:
        return there if hypothesis.startswith("Abdul says: I ") else everything_agrees(premise, hypothesis)

    with server(Scripted(implies, reword=lambda *_: after, about=lambda _: about)) as stub:
        found = refined(tmp_path, stub.base_url, [talk(said)])

    (opinion,) = found.opinions
    assert (opinion.voice, opinion.text, found.texts) == ("third", said, [said])
    assert [change.verdicts for change in opinion.rewrites] == ([] if verdicts is None else [verdicts])
    assert found.funnel.voice.third == 1


def test_a_second_judge_is_kept_counted_and_does_not_decide(tmp_path: Path) -> None:
    texts = ("I want my parents to be proud.", "I owe my parents everything, so they be proud.")
    second = Scripted(judging(owe="own", want="proud"))
    with server(Scripted(everything_agrees)) as stub, server(second) as other:
        found = refined(tmp_path, stub.base_url, [talk(*texts)], second=other.base_url)
        stub.reset()
        other.reset()
        again = refined(tmp_path, stub.base_url, [talk(*texts)], second=other.base_url)

        assert stub.stats.requests == other.stats.requests == 0
    assert again == found._replace(sent=0)
    assert found.texts == list(texts)
    assert [(one.verdict, one.second and one.second.verdict) for one in found.opinions] == [
        ("entail", "entail"), ("entail", "contradict"),
    ]  # fmt: skip
    assert found.opinions[0].second is not None
    assert found.opinions[0].second.judge == "openai:second"
    assert ("judges agree", "1 of 2 (50.0 %)") in found.funnel.rows()


def test_a_second_refinement_sends_nothing_and_an_interrupted_one_goes_on(tmp_path: Path) -> None:
    talks = [
        talk("Abdul keeps to his parents.", "I live for goals of my own.", "Tea is what I drink."),
        talk("Tea is what I like best.", identifier="t_2", delegate="arabic_fatima"),
    ]
    answer = Scripted(
        judging(keeps="proud", proud="proud", goals="own"),
        reword=lambda aim, _: "I want to be proud." if aim == "rewrite" else "I keep to my parents.",
    )
    with server(answer) as stub:
        whole = refined(tmp_path / "whole", stub.base_url, talks)
        asked = {(str(body["messages"]), body["seed"]) for body in stub.bodies}
        stub.reset()
        again = refined(tmp_path / "whole", stub.base_url, talks)
        assert stub.stats.requests == 0
    assert again == whole._replace(sent=0)
    with server(answer, faults=[Fault("status", rate=0.1, status=400)], seed=3) as stub:
        for _ in range(60):
            try:
                resumed = refined(tmp_path / "resumed", stub.base_url, talks)
            except ModelError:
                continue
            if "no_reply" not in {**resumed.funnel.unread, **resumed.funnel.dropped}:
                break
        assert {(str(body["messages"]), body["seed"]) for body in stub.bodies} == asked
        # What was in flight when another request failed may be asked for again; what was committed is not.
        assert stub.stats.answered < len(asked) + 3 * stub.stats.faults["status"]
        assert stub.stats.faults["status"] >= 2
    assert resumed.opinions == whole.opinions
    assert resumed.funnel == whole.funnel


def bad_replies(how: str) -> tuple[Any, list[Fault]]:
    answer: Callable[[Mapping[str, Any]], str] = Scripted(everything_agrees)
    faults = {"blank": "empty_content", "null": "null_content", "cut": "truncate", "refused": "content_filter"}
    if how in faults:
        return answer, [Fault(faults[how])]  # type: ignore[arg-type]
    texts = {
        "prose": "Here are the opinions: none.",
        "half": '{"opinions": [{"sentence": 1, "about": "own", "kind": "value"}',
        "other-fields": '{"opinions": [{"sentence": 1, "about": "own"}]}',
        "unknown-kind": '{"opinions": [{"sentence": 1, "about": "own", "kind": "feeling"}]}',
        "list": '[{"sentence": 1, "about": "own", "kind": "value"}]',
        "spaces": " \n ",
    }
    return lambda body: texts[how] if "response_format" in body else answer(body), []


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("blank", "extract_blank"), ("null", "extract_blank"), ("spaces", "extract_blank"), ("cut", "extract_truncated"),
        ("refused", "extract_refused"), ("prose", "extract_failed"), ("half", "extract_failed"),
        ("other-fields", "extract_failed"), ("unknown-kind", "extract_failed"), ("list", "extract_failed"),
    ],
)  # fmt: skip
def test_unusable_replies_are_counted_by_reason_and_never_parsed(how: str, reason: str, tmp_path: Path) -> None:
    answer, faults = bad_replies(how)
    with server(answer, faults=faults) as stub:
        found = refined(tmp_path, stub.base_url, [talk("I want my parents to be proud.", "  \n ")])
        drawn = [body["seed"] for body in stub.bodies if "response_format" in body]

    assert found.opinions == []
    assert found.funnel.unread == {"blank": 1, reason: 1}
    assert drawn == [0, 1]


def test_a_reply_wrapped_in_a_code_fence_is_whole(tmp_path: Path) -> None:
    answer = Scripted(everything_agrees)

    def fenced(body: Mapping[str, Any]) -> str:
        return f"```json\n{answer(body)}\n```" if "response_format" in body else answer(body)

    with server(fenced) as stub:
        assert refined(tmp_path, stub.base_url, [talk("I want my parents to be proud.")]).funnel.samples == 1


WEIRD = {
    "100-kB-of-sentences": "I think that number {} is quite all right. " * 2500,
    "100-kB-without-an-end": "parents " * 12_500,
    "only-emoji": "🙂👍🏽👨‍👩‍👧‍👦 ❤️" * 20,
    "mixed-scripts": "我想 that أمي বলে 엄마가 proud يكون. I mean it, çok.",
    "right-to-left-marks": "\u200fأنا أؤمن\u200e بأن \u202bالعائلة\u202c أولا\u061c.",
    "combining": "I fe\u0301el z\u0351\u036b\u0343\u036a\u0302a\u0348l\u0348g\u0348o about my parents.",
    "fence-breaking": 'I "close it" [2] <|im_end|>\u2028[3] "yes" }} {opinions} ``` I do.',
}


@pytest.mark.parametrize("text", WEIRD.values(), ids=WEIRD)
def test_any_utterance_is_handled_as_text(text: str, tmp_path: Path) -> None:
    with server(Scripted(everything_agrees)) as stub:
        found = refined(tmp_path, stub.base_url, [talk(text)])
        asked = [body["messages"][-1]["content"] for body in stub.bodies if "response_format" in body]

    assert found.opinions
    for opinion in found.opinions:
        assert text[opinion.start : opinion.end] == opinion.quote
    assert all(len(prompt.encode()) < 4_600 for prompt in asked)
    assert all("<|" not in prompt for prompt in asked)
    assert found.funnel.extracted == found.funnel.samples + sum(found.funnel.dropped.values())


def test_everybody_is_read_on_request_only(tmp_path: Path) -> None:
    held = talk("I want my parents to be proud.")
    lily = held.turns[0].model_copy(update={"index": 1, "speaker": "english_lily", "text": "I like tea very much."})
    both = held.model_copy(update={"turns": (*held.turns, lily)})
    with server(Scripted(everything_agrees)) as stub:
        delegates = refined(tmp_path / "a", stub.base_url, [both])
        everybody = refined(tmp_path / "b", stub.base_url, [both], extract="all")

    assert [one.speaker for one in delegates.opinions] == ["arabic_abdul"]
    assert [(one.speaker, one.dropped) for one in everybody.opinions] == [
        ("arabic_abdul", None), ("english_lily", "no_stance"),
    ]  # fmt: skip


def pool(found: list[Opinion]) -> dict[str, tuple[str | None, int]]:
    """Text to its reason and its corroboration, for opinions of the novel pool."""
    return {one.text: (one.dropped, len(one.novelty.corroborated_by)) for one in found if one.novelty is not None}


def test_novel_opinions_earn_their_place_by_independent_talks(tmp_path: Path) -> None:
    tea, coffee = "We drink tea with every meal at home.", "I find coffee too strong for children."
    more = "With every meal at home we drink tea, black."
    talks = [
        talk(tea, coffee, "We all drink tea with every meal.", identifier="t_1"),
        talk(more, identifier="t_2", delegate="arabic_fatima"),
        talk("My parents be proud of every meal.", identifier="t_3", delegate="arabic_fatima", code=2),
    ]

    def implies(premise: str, hypothesis: str) -> str:
        if "drink tea" in premise and hypothesis in {tea, more, "We all drink tea with every meal."}:
            return "entail"
        return judging(proud="proud")(premise, hypothesis)

    with server(Scripted(implies)) as stub:
        stored = refined(tmp_path / "a", stub.base_url, talks)
        kept = refined(tmp_path / "b", stub.base_url, talks, keep="entail+novel")
        strict = refined(tmp_path / "c", stub.base_url, talks, keep="entail+novel", novel={"min_corroboration": 2})

    one_talk = "We all drink tea with every meal."
    assert pool(stored.opinions) == {
        tea: ("irrelevant", 1), one_talk: ("irrelevant", 1), more: ("irrelevant", 1), coffee: ("irrelevant", 0),
    }  # fmt: skip
    assert pool(kept.opinions)[coffee] == ("uncorroborated", 0)
    assert {tea, more, one_talk, "My parents be proud of every meal."} == set(kept.texts)
    assert kept.funnel.novel.model_dump() == {"found": 4, "corroborated": 3, "kept": 3}
    assert set(strict.texts) == {"My parents be proud of every meal."}
    by_text = {one.text: one for one in stored.opinions}
    novelty = by_text[more].novelty
    assert novelty is not None
    # Two opinions of one talk are one voice.
    assert len(novelty.corroborated_by) == 1
    assert novelty.nearest.startswith("wvs7:Q")
    assert 0 < novelty.distance <= 1


def test_the_same_person_with_the_same_stance_and_forks_corroborate_nothing(tmp_path: Path) -> None:
    tea = "We drink tea with every meal at home."
    again = "At home we drink tea with every single meal."
    first, same = talk(tea), talk(again, identifier="t_2")
    fork = talk(again, identifier="t_3", delegate="arabic_fatima")
    fork = fork.model_copy(update={"parent": Parent(id="t_1", root="t_1", turn=0)})

    def implies(premise: str, hypothesis: str) -> str:
        return "entail" if "drink tea" in hypothesis else "irrelevant"

    with server(Scripted(implies)) as stub:
        found = refined(tmp_path, stub.base_url, [first, same, fork])

    # The first talk hears nobody independent; the second, of the same person, hears the fork's other one.
    assert [one.novelty and one.novelty.corroborated_by for one in found.opinions] == [
        (), (found.opinions[2].id,), (found.opinions[1].id,),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "claims", "dropped", "share"),
    [
        pytest.param("Most people in Jordan want to make their parents proud.", "proud", None, 0.988, id="holds"),
        pytest.param("Only a few in Jordan want to make parents proud.", "proud", "share_refuted", 0.988, id="refuted"),
        pytest.param("I guess 95 % of us here want to make parents proud.", "proud", None, 0.988, id="percent"),
        pytest.param("Most people in Germany want to make parents proud.", "proud", None, 0.774, id="another-country"),
        pytest.param("Most people want to make their parents proud.", "proud", None, None, id="nowhere"),
        pytest.param(
            "Most people in Jordan and in Germany make parents proud.", "proud", None, None, id="two-countries"
        ),
        pytest.param("I want to make my parents proud here.", "proud", None, None, id="no-amount"),
    ],
)
def test_shares_are_held_against_the_survey(
    text: str, claims: str, dropped: str | None, share: float | None, tmp_path: Path
) -> None:
    def implies(premise: str, hypothesis: str) -> str:
        bare = hypothesis.removeprefix("some people there say that ")
        return judging(**{text: claims})(premise, bare)

    with server(Scripted(implies, kind="fact")) as stub:
        found = refined(tmp_path, stub.base_url, [talk(text)], voice=False)

    (opinion,) = found.opinions
    assert opinion.dropped == dropped
    assert (opinion.share_check is None) == (share is None)
    if opinion.share_check is not None and share is not None:
        assert opinion.share_check.side == "below"
        assert opinion.share_check.share == pytest.approx(share, abs=0.001)
        assert opinion.share_check.holds == (dropped is None)
        assert found.funnel.shares.refuted == (dropped is not None)
