"""Changing a persona asks again in the talks it sits in, and nowhere else; a new culture is one file and no code."""

import json
from collections import Counter
from pathlib import Path

import pytest

from culturepark.pipeline import Result, plan, run
from culturepark.runtime.hashing import seed_from
from culturepark.runtime.store import open_store
from culturepark.simulation.talks import load_transcripts
from culturepark.study import Study
from tests.stub_server import StubServer, serving
from tests.test_command_line import culturepark

SHIPPED = "culture: {id: turkish}\n"
EDITED = SHIPPED + "personas:\n  - {name: Ayşe, traits: {home: İzmir}}\n"


def study(url: str, people: Path, **simulate: object) -> Study:
    return Study.load(
        None,
        {
            "model": "openai:stub",
            "base_url": url,
            "persona_folders": [str(people)],
            "simulate": {"cultures": ["turkish", "korean"], "questions": ["Q27", "Q28"], "talks": 16, **simulate},
        },
    )


def requests_by_talk(stub: StubServer, asked: Study) -> Counter[str]:
    """Every request of a talk carries the seed that is made from the talk's id, one more for a second draw."""
    seeds = {talk.id: seed_from(talk.id) & 0x7FFFFFFF for talk in plan(asked).talks}
    talks = {seed + draw: talk for talk, seed in seeds.items() for draw in (0, 1)}
    return Counter(talks[body["seed"]] for body in stub.bodies)


def held(stub: StubServer, asked: Study, folder: Path) -> tuple[Result, Counter[str]]:
    stub.bodies.clear()
    result = run(asked, folder, stages=["simulate"])
    return result, requests_by_talk(stub, asked)


@pytest.mark.parametrize("cast", ["cross", "in-culture"])
def test_an_edited_persona_is_asked_again_and_nobody_else(cast: str, tmp_path: Path) -> None:
    people = tmp_path / "people"
    people.mkdir()
    (people / "turkish.yaml").write_text(SHIPPED, encoding="utf-8")
    with serving() as stub:
        asked = study(stub.base_url, people, cast=cast)
        first, requests = held(stub, asked, tmp_path / "run")
        before = {talk.id: {seat.id for seat in talk.seats} for talk in plan(asked).talks}
        assert set(requests) == set(before)

        (people / "turkish.yaml").write_text(EDITED, encoding="utf-8")
        second, requests = held(stub, asked, tmp_path / "run")
        after = {talk.id: {seat.id for seat in talk.seats} for talk in plan(asked).talks}
        hers = {talk for talk, seats in after.items() if "turkish_ayse" in seats}

        assert 0 < len(hers) < len(after)
        assert set(requests) == hers
        assert all(count >= 6 for count in requests.values())
        assert set(after) - hers == {talk for talk, seats in before.items() if "turkish_ayse" not in seats}
        assert (first.dialogues, second.dialogues) == (16, 16)
        assert sum("İzmir" in str(body["messages"]) for body in stub.bodies) > 0

        (people / "turkish.yaml").write_text(SHIPPED, encoding="utf-8")
        _, requests = held(stub, asked, tmp_path / "run")
        assert requests == Counter()


def test_an_edit_that_no_prompt_mentions_still_is_another_persona(tmp_path: Path) -> None:
    (tmp_path / "turkish.yaml").write_text(EDITED, encoding="utf-8")
    one = {talk.id for talk in plan(study("http://127.0.0.1:9/v1", tmp_path)).talks}
    (tmp_path / "turkish.yaml").write_text(
        EDITED.replace("{home: İzmir}", "{home: İzmir, mood: calm}"), encoding="utf-8"
    )
    other = {talk.id for talk in plan(study("http://127.0.0.1:9/v1", tmp_path)).talks}

    assert len(one & other) == 12
    assert len(one) == len(other) == 16


GREEK = """culture: {id: greek, people: Greek, language: el, country: GRC, country_name: Greece, hofstede: Greece}
personas:
  - {name: Nikos, gender: male, background: He is 44 and mends boats on Naxos.}
  - {name: Eleni, gender: female, extends: Nikos, background: She is 39 and keeps a bakery in Volos.}
"""


@pytest.mark.slow
def test_a_ninth_culture_talks_grounded_in_its_own_answers(shared_data: Path, tmp_path: Path) -> None:
    people = tmp_path / "people"
    people.mkdir()
    (people / "greek.yaml").write_text(GREEK, encoding="utf-8")
    sample = shared_data / "wvs/raw/greek_greece_sample.csv"
    own = ("--personas", "people")
    culturepark("surveys", "import-wvs", str(sample), "--out", "greece", "--country", "GRC=greek", *own, cwd=tmp_path)
    culturepark("personas", "lint", "people", "--source", "greece", cwd=tmp_path)
    with serving() as stub:
        endpoint = ("--model", "openai:stub", "--base-url", stub.base_url)
        command = (
            "simulate",
            "--run",
            "run",
            *endpoint,
            "--culture",
            "greek",
            "--source",
            "greece",
            *own,
            "--limit",
            "4",
        )
        result = json.loads(
            culturepark(*command, "--question", "Q27,Q38", "--pair", "natural", "--json", cwd=tmp_path).stdout
        )
        assert (result["dialogues"], result["skipped"]) == (4, 0)
        sheets = {body["messages"][-1]["content"] for body in stub.bodies}
        again = json.loads(
            culturepark(*command, "--question", "Q27,Q38", "--pair", "natural", "--json", cwd=tmp_path).stdout
        )
        assert again["requests_sent"] == 0
        by_person = ("--stance", "respondent", "--respondents", str(sample), "--json")
        joint = json.loads(culturepark(*command[:2], "joint", *command[3:], *by_person, cwd=tmp_path).stdout)
        assert joint["notes"] == [
            f"no respondents of USA in {sample}: the main contact's stances are sampled from the survey"
        ]
    assert any("Nikos is a man from Greece. He is 44 and mends boats on Naxos." in sheet for sheet in sheets)
    for folder, chosen in (("run", "sampled"), ("joint", "respondent")):
        store = open_store(tmp_path / folder, create=False)
        talks = load_transcripts(store)
        store.close()
        for talk in talks:
            main, delegate = talk.seats
            assert main.stance is not None
            assert delegate.stance is not None
            assert (main.stance.country, delegate.stance.country) == ("USA", "GRC")
            assert (main.stance.chosen, delegate.stance.chosen) == ("sampled", chosen)
            assert delegate.stance.n is not None
            assert 350 < delegate.stance.n <= 400
            assert talk.stance_distance is not None
        rows = sample.read_text(encoding="utf-8").splitlines()
        # No row of the survey's file is anywhere in the run.
        stored = (tmp_path / folder / "run.db").read_bytes()
        assert not any(row[:60].encode() in stored for row in rows[1:])
