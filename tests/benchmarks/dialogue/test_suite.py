"""The suite through the real pipeline: scripted speakers, a scripted judge, a real ledger and store."""

from pathlib import Path
from typing import Any

import pytest

from culturepark.benchmarks.dialogue.asked import probes
from culturepark.benchmarks.dialogue.readings import BEFORE
from culturepark.benchmarks.task import SuiteResult
from culturepark.personas.surveys.survey import load_survey
from culturepark.runtime.committed import committed
from culturepark.runtime.store import open_store
from culturepark.simulation.run import request_seed
from culturepark.simulation.talks import add_talks, load_transcripts
from culturepark.simulation.transcript import Transcript
from tests.benchmarks.dialogue.scripted import World, measured, simulate
from tests.benchmarks.dialogue.talking import talk
from tests.commands import document, mistake
from tests.stub_server import StubServer, serving

OWN_TURNS = 7
MAIN = ("Lily", "Jack")


def constant(name: str, _own: int, _seed: int) -> int:
    return 1 if name in MAIN else 4


def flip_at(seed: int) -> int:
    """Which own utterance is the first one on the other side, where the rule can see it."""
    return 2 + seed % (OWN_TURNS - 3)


def flips(name: str, own: int, seed: int) -> int:
    return 1 if name in MAIN or own >= flip_at(seed) else 4


def transcripts(folder: Path) -> list[Transcript]:
    store = open_store(folder, create=False)
    try:
        return load_transcripts(store)
    finally:
        store.close()


def rows(result: SuiteResult, title: str) -> list[tuple[Any, ...]]:
    return [row for table in result.tables if table.title == title for row in table.rows]


def scores(result: SuiteResult) -> dict[str, tuple[float | None, int]]:
    return {score.name: (score.value, score.n) for score in result.scores}


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("held")
    with serving(answer=World(constant)) as stub:
        simulate(folder, stub.base_url, talks=2)
    return folder


def test_a_small_run_by_hand(tmp_path: Path) -> None:
    with serving(answer=World(flips)) as stub:
        simulate(tmp_path, stub.base_url, talks=2)
        before = [talk.model_dump_json() for talk in transcripts(tmp_path)]
        sent = stub.stats.requests
        result = measured(tmp_path, stub.base_url)
        asked = stub.stats.requests - sent
        again = measured(tmp_path, stub.base_url)

        # 2 talks of 14 turns: told 28, near 28 and 4 before, heard 28, kinds 28, understanding 26; and for the judge's
        # control four answers each of Q27 and Q28.
        assert asked == result.counts.asked == 150
        assert stub.stats.requests == sent + asked
    assert again == result
    assert [talk.model_dump_json() for talk in transcripts(tmp_path)] == before
    found = scores(result)
    assert found["judge hears stances"] == (1, 8)
    assert found["understanding"] == (1, 2)
    assert found["norm"] == (0, 2)
    assert found["belief"] == (1, 2)
    assert found["topic extension"] == (0, 2)
    assert found["essentialising per 1k tokens"] == (0, 2)
    # The delegate of each talk flips, and on its way is told and heard alike; near has the same answers here.
    assert {found[f"changed their mind ({meter})"] for meter in ("told", "near", "heard")} == {(0.5, 2)}
    drift = rows(result, "drift")
    assert len(drift) == 28 + 32 + 28
    first = transcripts(tmp_path)[0]
    heard = [row for row in drift if row[0] == first.id and row[3] == "heard"]
    abdul = [round(row[4] * 3) + 1 for row in heard if row[2] != first.seats[0].id]
    assert abdul == [4] * flip_at(request_seed(first)) + [1] * (OWN_TURNS - flip_at(request_seed(first)))
    (told,) = {row[3] for row in drift if row[1] == -1}
    assert told == "near"


def test_probes_are_the_speakers_own_context_and_nothing_hears_of_them(held: Path, stub: StubServer) -> None:
    survey = load_survey("wvs7")
    store = open_store(held, create=False)
    talk = load_transcripts(store)[0]
    asked = {meter: probes(talk, survey, meter) for meter in ("told", "near")}
    # The context after an utterance is, message for message, how the speaker's next request began.
    for turn in talk.turns[2:]:
        assert turn.request is not None
        sent = committed(store, turn.request)
        assert sent is not None
        context = asked["told"][turn.index - 2].closed.messages[:-1]
        assert sent.request.messages[: len(context)] == context
        assert len(sent.request.messages) == len(context) + 2  # what the other said, and the request for the line
    before = asked["near"][:2]
    assert [(ask.turn, ask.seat) for ask in before] == [(BEFORE, seat.id) for seat in talk.seats]
    assert {ask.question.id for ask in asked["near"]} == {"wvs7:Q28"}
    assert talk.seed.id == "wvs7:Q27"
    told, near = (asked[meter][-1].closed.messages[-1].content for meter in ("told", "near"))
    assert talk.seed.text["en"] in told
    assert talk.seed.text["en"] not in near
    assert near.endswith("Answer with one number from the list and nothing else.\nAbdul:")
    store.close()

    with serving(answer=World(constant)) as speaker:
        measured(held, speaker.base_url, measures=["told", "near"])
    checked = document("transcripts", "verify", "--all", "--run", held)
    assert {one["status"] for one in checked} == {"holds"}
    assert stub.stats.requests == 0


def test_flips_are_found_and_the_constant_left_alone_through_the_pipeline(tmp_path: Path) -> None:
    """The judge reads one utterance of twenty one answer wrong; see `simulate_control` for many more speakers."""
    with serving(answer=World(flips, error=0.05)) as stub:
        simulate(tmp_path, stub.base_url, talks=24)
        result = measured(tmp_path, stub.base_url, measures=["heard"])

    talks = {talk.id: talk for talk in transcripts(tmp_path)}
    changed = {(row[0], row[1]): row for row in rows(result, "changes of mind")}
    delegates = [(talk.id, talk.seats[1].id) for talk in talks.values()]
    main = [(talk.id, talk.seats[0].id) for talk in talks.values()]
    near = [
        abs(changed[key][3] // 2 - flip_at(request_seed(talks[key[0]]))) <= 1 if key in changed else False
        for key in delegates
    ]
    assert len(talks) == 24
    assert sum(near) >= 0.95 * len(near)
    assert sum(key in changed for key in main) <= 0.05 * len(main)


JUDGED = ("--judge-model", "openai:judge")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(
            (),
            "heard, control, kinds, understanding: a judge has to read the talks; name one with --judge-model, or measure with "
            "--measure told,near alone",
            id="no-judge",
        ),
        pytest.param(
            ("--judge-model", "openai:talker"),
            "--judge-model 'openai:talker' held these talks itself: a model finds its own words plausible, so its readings "
            "are no check of them; name another judge, or add --same-judge and say so where you report it",
            id="the-judge-talked",
        ),
        pytest.param(
            (*JUDGED, "--model", "openai:talker"),
            "dialogue measures the talks of {run} and asks the model that held them; leave --model out, and name who judges "
            "with --judge-model",
            id="a-model",
        ),
        pytest.param(
            (*JUDGED, "--limit", "1"),
            "{run}: 1 complete talk that was asked for; dialogue needs 2 or more, for there is no interval of one: hold them "
            "with `culturepark simulate --run {run} --limit N`",
            id="too-few",
        ),
        pytest.param(
            (*JUDGED, "--culture", "korean"),
            "{run}: no complete talk that was asked for; dialogue needs 2 or more, for there is no interval of one: hold "
            "them with `culturepark simulate --run {run} --limit N`",
            id="none-of-the-culture",
        ),
    ],
)
def test_mistakes_cost_no_request(held: Path, stub: StubServer, options: tuple[str, ...], expected: str) -> None:
    said = mistake("bench", "dialogue", "--run", held, "--base-url", stub.base_url, *options)

    assert said == expected.format(run=held)
    assert stub.stats.requests == 0


def test_near_needs_a_sibling(tmp_path: Path) -> None:
    held = talk("a", "b")
    alone = held.seed.model_copy(update={"id": "wvs7:Q1", "battery": "wvs7:alone"})
    store = open_store(tmp_path)
    add_talks(store, [held.model_copy(update={"id": f"t_{n}", "question": alone}) for n in range(2)])
    store.close()

    assert mistake("bench", "dialogue", "--run", tmp_path, "--measure", "near") == (
        "near: wvs7:Q1 has no other item in its battery that could be asked; measure without it: --measure told"
    )


def test_no_run_and_an_empty_one(tmp_path: Path) -> None:
    nowhere = tmp_path / "none"

    assert mistake("bench", "dialogue", "--run", nowhere, *JUDGED) == (
        f"{nowhere}: there is no run here; `culturepark run --run {nowhere}` makes one"
    )
    assert not nowhere.exists()
    open_store(tmp_path).close()
    assert mistake("bench", "dialogue", "--run", tmp_path, *JUDGED) == (
        f"{tmp_path}: no complete talk; dialogue needs 2 or more, for there is no interval of one: hold them with "
        f"`culturepark simulate --run {tmp_path} --limit N`"
    )
