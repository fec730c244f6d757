"""Every sample is walked back, every utterance forward, and both ways meet."""

import re

import pytest

from culturepark.personas.surveys.survey import load_survey
from culturepark.postprocess.explain import explain, explanation_text
from culturepark.postprocess.trace import trace, trace_text
from culturepark.runtime.store import open_store
from tests.commands import command, document, mistake
from tests.postprocess.conftest import Refined

pytestmark = pytest.mark.slow


def test_every_sample_is_explained(refined_once: Refined) -> None:
    samples, talks = refined_once.samples(), {talk.id: talk for talk in refined_once.talks()}
    survey = load_survey("wvs7")

    store = open_store(refined_once.run, create=False)
    found = explain(store, samples, source="wvs7")
    store.close()

    assert [one.sample for one in found] == samples
    for one in found:
        text, talk = explanation_text(one), talks[one.sample.talk]
        own = one.opinions[0]
        assert [opinion.id for opinion in one.opinions] == list(one.sample.opinions)
        assert talk.turns[own.turn].text[own.start : own.end] == own.quote
        assert f"»{own.quote}«" in text
        assert all(words in text for words in talk.seed.text.values())
        assert "judge unvalidated" in text
        if one.sample.stance is not None:
            answers = survey.distribution(one.sample.question, one.sample.stance.country)
            assert answers is not None
            assert one.answers == answers.counts
            assert f"{100 * one.sample.stance.share:.1f} % of {one.sample.stance.n:g} valid answers" in text
    kinds = {(talks[one.talk].parent is not None, talks[one.talk].protocol.name, one.language) for one in samples}
    assert {language for _, _, language in kinds} == {"en", "tr"}
    assert any(is_fork for is_fork, _, _ in kinds)
    assert any(protocol == "imported" for _, protocol, _ in kinds)


def test_every_utterance_is_walked_forward_and_meets_its_samples(refined_once: Refined) -> None:
    opinions, samples = refined_once.opinions(), refined_once.samples()
    by_id = {opinion.id: opinion for opinion in opinions}
    found = []

    store = open_store(refined_once.run, create=False)
    for talk in refined_once.talks():
        for turn in talk.turns:
            one = trace(store, f"{talk.id}:{turn.index}")
            text = trace_text(one)
            assert turn.text in text
            assert bool(one.fates) == (one.unread is None)
            for fate in one.fates:
                assert fate.opinion.text in text
                assert (fate.sample is None) == (fate.opinion.dropped not in {None, "merged"})
                if fate.sample is not None:
                    assert fate.opinion.id in fate.sample.opinions
                    assert f"in sample {fate.sample.id}" in text
                elif fate.opinion.dropped is not None:
                    assert f"dropped: {fate.opinion.dropped}" in text
                if fate.merged_into is not None:
                    assert fate.merged_into == by_id[str(fate.opinion.kept)]
            found += one.fates
    store.close()

    assert sorted(fate.opinion.id for fate in found) == sorted(by_id)
    assert {opinion for sample in samples for opinion in sample.opinions} == {
        fate.opinion.id for fate in found if fate.sample is not None
    }


def test_a_turn_without_opinions_says_why(refined_once: Refined) -> None:
    talks = refined_once.talks()
    fork = next(talk for talk in talks if talk.parent is not None)
    assert fork.parent is not None

    shared = document("samples", "explain", "--turn", f"{fork.id}:1", "--run", refined_once.run)
    led = document("samples", "explain", "--turn", f"{talks[0].id}:0", "--run", refined_once.run)

    assert shared["unread"] == f"read as turn 1 of {fork.parent.id}, which this talk is a fork of"
    assert led["unread"] == "no opinion was found in it; the main contact's words are read with `extract: all` only"


def test_a_run_that_was_not_refined_says_so(refined_once: Refined, tmp_path: object) -> None:
    run = f"{tmp_path}/plain"
    command("simulate", refined_once.run / "study.yaml", "--run", run, "--limit", 1)
    talk = command("transcripts", "list", "--run", run).splitlines()[1].partition("\t")[0]

    assert f"not read: the run is not refined; `culturepark refine --run {run}` reads it" in command(
        "samples", "explain", "--turn", f"{talk}:1", "--run", run
    )
    assert document("samples", "explain", "--run", run) == []


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        ("t_1", "--turn 't_1': write TALK:INDEX, e.g. t_3f0c:2"),
        ("t_1:x", "--turn 't_1:x': write TALK:INDEX, e.g. t_3f0c:2"),
        (":1", "--turn ':1': write TALK:INDEX, e.g. t_3f0c:2"),
        ("zz:1", "RUN: no talk begins with 'zz'; `culturepark transcripts list` shows the ids"),
        ("TALK:6", "--turn TALK:6: talk TALK has 6 turns, the last is 5"),
    ],
)
def test_turns_that_are_not_there(turn: str, message: str, refined_once: Refined) -> None:
    talk = refined_once.talks()[0].id

    line = mistake("samples", "explain", "--turn", turn.replace("TALK", talk), "--run", refined_once.run)

    assert line.replace(talk, "TALK").replace(str(refined_once.run), "RUN") == message


def test_back_or_forward_but_not_both(refined_once: Refined) -> None:
    assert mistake("samples", "explain", "s_1", "--turn", "t_1:1", "--run", refined_once.run) == (
        "a sample is walked back, and --turn walks forward; give one of them"
    )
    assert re.fullmatch(
        r".*: no sample begins with 's_zz'; `culturepark samples list` shows the ids",
        mistake("samples", "explain", "s_zz", "--run", refined_once.run),
    )


def test_a_bare_question_is_the_one_of_the_studys_survey(refined: Refined) -> None:
    listed = document("samples", "list", "--question", "Q27", "--run", refined.run)

    assert listed
    assert {one["question"] for one in listed} == {"wvs7:Q27"}
    study = refined.run / "study.yaml"
    study.write_text(study.read_text("utf-8").replace("source: wvs7", "source: gas"), encoding="utf-8")
    assert document("samples", "list", "--question", "Q27", "--run", refined.run) == []
    assert document("samples", "list", "--question", "wvs7:Q27", "--run", refined.run) == listed
