"""Verify: a whole run holds with networking off; every edited input is named, with the turn and the line."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from culturepark.runtime.committed import committed
from culturepark.runtime.store import CommittedReply, open_store
from tests.commands import command, document, mistake
from tests.conftest import ROOT
from tests.simulation.conftest import PROTOCOL, Held, stored
from tests.stub_server import serving

NO_NETWORK = """
import runpy, socket, sys

def refuse(*_args, **_kwargs):
    raise OSError("networking is disabled")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
sys.argv = ["culturepark", *sys.argv[1:]]
runpy.run_module("culturepark", run_name="__main__")
"""


def verified(held: Held, talk: str, *, expect: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = document("transcripts", "verify", talk, "--run", str(held.run), expect=expect)
    assert held.stub.stats.requests == 0
    return found


def causes(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(cause["kind"], cause["field"]) for cause in found["causes"]]


def edit_study(held: Held, change: Callable[[dict[str, Any]], None]) -> None:
    path = held.run / "study.yaml"
    study = yaml.safe_load(path.read_text("utf-8"))
    change(study)
    path.write_text(yaml.safe_dump(study), encoding="utf-8")


@pytest.mark.slow
def test_a_whole_run_with_forks_holds_with_networking_disabled(held: Held) -> None:
    parent = held.talks()[0]
    command("transcripts", "fork", parent.id, "--at", "4", "--say", "The bus was late.", "--run", str(held.run))
    command("transcripts", "fork", parent.id, "--at", "6", "--protocol", "free-chat", "--run", str(held.run))
    arguments = ["transcripts", "verify", "--all", "--run", str(held.run)]
    done = subprocess.run(
        [sys.executable, "-c", NO_NETWORK, *arguments],
        capture_output=True, text=True, check=False, cwd=held.folder, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert sorted(line.partition(": ")[2] for line in done.stdout.splitlines()[:-1]) == [
        "holds, 10 turns", "holds, 10 turns", "holds, 5 turns", "holds, 8 turns"
    ]  # fmt: skip
    assert done.stdout.splitlines()[-1] == "4 holds, 0 diverged, 0 unverifiable"


def test_an_edited_persona_is_named_with_turn_and_line(held: Held) -> None:
    path = held.folder / "people" / "korean.yaml"
    path.write_text(path.read_text("utf-8").replace("car parts maker", "shipyard"), encoding="utf-8")
    talk = next(talk for talk in held.talks() if any(seat.id == "korean_joon" for seat in talk.seats))
    place = [seat.id for seat in talk.seats].index("korean_joon")

    found = verified(held, talk.id)

    assert causes(found) == [("persona", f"seats[{place}].persona.background")]
    where = found["divergence"]
    first = next(turn.index for turn in talk.turns if turn.speaker == "korean_joon")
    assert (where["turn"], where["message"], where["role"], where["line"]) == (first, 5, "user", 1)
    assert found["turns"] == first
    assert [line for line in where["diff"] if line[0] in "-+"][2:] == [
        "-Joon is a man from South Korea. He is 44, an engineer at a car parts maker in Ulsan, married, with two sons at school.",
        "+Joon is a man from South Korea. He is 44, an engineer at a shipyard in Ulsan, married, with two sons at school.",
    ]
    text = command("transcripts", "verify", talk.id, "--run", str(held.run), expect=1)
    assert f"talk {talk.id}: diverges at turn {first}: message 5 (user) of the prompt, line 1 differs\n" in text
    assert f"  changed persona: seats[{place}].persona.background 'He is 44, an engineer at a car parts" in text


def test_an_edited_protocol_is_named(held: Held, edited_protocol: Callable[[str, str], None]) -> None:
    edited_protocol("Tell of a quarrel.", "Tell of a wedding.")
    talk = next(talk for talk in held.talks() if "quarrel" in str([turn.cue for turn in talk.turns]))
    first = next(turn.index for turn in talk.turns if turn.cue and "quarrel" in turn.cue.guidance)

    found = verified(held, talk.id)

    assert causes(found) == [("protocol", "protocol.sha256")]
    where = found["divergence"]
    assert (where["turn"], where["role"], where["line"]) == (first, "user", 2)
    changed = [line for line in where["diff"] if line[0] in "-+"][2:]
    assert [line.split(":")[1].split(".")[0] for line in changed] == [" Tell of a quarrel", " Tell of a wedding"]


@pytest.mark.parametrize(
    ("old", "new", "turn", "what"),
    [
        ("len(scene.turns) % len(scene.seats)]", "-1 - len(scene.turns) % len(scene.seats)]", 0,
         "{last} is cued, and the recorded speaker is {first}"),
        ("== self.turns", "== 6", 6, "the talk is over, and the recorded one has 10 turns"),
        ("== self.turns", "== 12", 10, "{first} is cued, and the recorded talk is over"),
        ("if len(scene.turns)", "1 / (3 - len(scene.turns))\n        if len(scene.turns)", 3,
         "talk {id}, turn 3: {file}:14: the protocol raised ZeroDivisionError: division by zero; mend it there"),
    ],
    ids=["speaker", "shorter", "longer", "raises"],
)  # fmt: skip
def test_a_protocol_that_cues_or_ends_otherwise_is_named(
    old: str, new: str, turn: int, what: str, held: Held, once: Held, edited_protocol: Callable[[str, str], None]
) -> None:
    edited_protocol(old, new)
    talk = held.talks()[0]

    found = verified(held, talk.id)

    seated = [seat.id for seat in talk.seats]
    assert found["divergence"]["turn"] == turn
    assert found["divergence"]["what"] == what.format(
        id=talk.id, first=seated[0], last=seated[-1], file=once.folder / "circle.py"
    )
    assert causes(found) == [("protocol", "protocol.sha256")]


def test_a_comment_in_the_protocol_changes_no_turn(held: Held, edited_protocol: Callable[[str, str], None]) -> None:
    edited_protocol("speaker =", "# who is next\n        speaker =")

    found = verified(held, held.talks()[0].id, expect=0)

    assert (found["status"], found["divergence"], causes(found)) == ("holds", None, [("protocol", "protocol.sha256")])


@pytest.mark.parametrize(
    ("change", "cause", "what"),
    [
        (lambda study: study["simulate"]["sampling"].update(temperature=0.2), ("sampling", "sampling.temperature"),
         "the prompt is the same, its settings differ: sampling.temperature 0.7 -> 0.2"),
        (lambda study: study["simulate"]["sampling"].update(max_tokens=32), ("sampling", "sampling.max_tokens"),
         "the prompt is the same, its settings differ: sampling.max_tokens 64 -> 32"),
        (lambda study: study.update(model="openai:newer"), ("model", "model"),
         "the prompt is the same, the model is another"),
        (lambda study: study["simulate"]["protocol_args"].update(turns=4), ("protocol", "protocol.args.turns"),
         "the talk is over, and the recorded one has 10 turns"),
    ],
    ids=["temperature", "max_tokens", "model", "protocol-argument"],
)  # fmt: skip
def test_an_edited_study_is_named(
    change: Callable[[dict[str, Any]], None], cause: tuple[str, str], what: str, held: Held
) -> None:
    edit_study(held, change)

    found = verified(held, held.talks()[1].id)

    assert causes(found) == [cause]
    assert found["divergence"]["what"] == what
    assert found["divergence"]["turn"] == (4 if cause[0] == "protocol" else 0)


def test_another_seed_deals_other_stances(held: Held) -> None:
    edit_study(held, lambda study: study.update(seed=99))

    found = document("transcripts", "verify", "--all", "--run", str(held.run), expect=1)

    diverged = [one for one in found if one["status"] == "diverged"]
    assert diverged
    for one in diverged:
        assert causes(one)[0] == ("seed", "seed")
        assert {kind for kind, _ in causes(one)} == {"seed", "stance"}
        assert one["divergence"]["message"] == 5


@pytest.mark.slow
def test_an_edited_template_is_named(held: Held, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "src/culturepark", source / "culturepark", ignore=shutil.ignore_patterns("__pycache__"))
    template = source / "culturepark/simulation/prompts/english.yaml"
    template.write_text(template.read_text("utf-8").replace("a novel", "a play"), encoding="utf-8")
    talk = held.talks()[0]
    done = subprocess.run(
        [sys.executable, "-m", "culturepark", "transcripts", "verify", talk.id, "--run", str(held.run)],
        capture_output=True, text=True, check=False, cwd=held.folder, timeout=60,
        env={**os.environ, "PYTHONPATH": str(source)},
    )  # fmt: skip

    assert done.returncode == 1, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first == f"talk {talk.id}: diverges at turn 0: message 0 (system) of the prompt, line 1 differs"
    assert [line.split()[1] for line in rest if line.startswith("  changed")] == ["templates:"]
    assert any(line.strip().startswith("+You write the dialogue of a play") for line in rest)


def test_a_turn_that_was_asked_for_twice_is_compared_draw_by_draw(tmp_path: Path) -> None:
    def answer(body: Mapping[str, Any]) -> str:
        again = "nothing about yourself as a writer" in body["messages"][-1]["content"]
        return "Tea with sage is what my mother makes." if again else "As an AI language model, I cannot say."

    protocol = tmp_path / "circle.py"
    protocol.write_text(PROTOCOL, encoding="utf-8")
    run = ("--run", str(tmp_path / "run"))
    with serving(answer=answer) as stub:
        model = ("--model", "openai:stub", "--base-url", stub.base_url, "--limit", "1")
        command("simulate", *run, *model, "--protocol", f"{protocol}:Circle", "--protocol-arg", "turns=1")
        (talk,) = stored(tmp_path / "run")
        assert (talk.turns[0].draws, stub.stats.requests) == (2, 2)
        assert document("transcripts", "verify", talk.id, *run)["status"] == "holds"
        protocol.write_text(PROTOCOL.replace("Tell of a", "Speak of a"), encoding="utf-8")
        found = document("transcripts", "verify", talk.id, *run, expect=1)

        assert stub.stats.requests == 2
    removed, added = [line for line in found["divergence"]["diff"] if line[0] in "-+"][2:]
    assert removed[1:].replace("Tell of a", "Speak of a") == added[1:]


ASKING = PROTOCOL.replace("def next_cue", "async def next_cue").replace(
    "scene.rng.choice([", "await scene.ask(f'What now, at {len(scene.turns)}?') + scene.rng.choice(["
)


def test_what_a_protocol_asked_comes_from_the_transcript_and_another_question_is_named(tmp_path: Path) -> None:
    protocol = tmp_path / "circle.py"
    protocol.write_text(ASKING, encoding="utf-8")
    run = ("--run", str(tmp_path / "run"))
    with serving() as stub:
        model = ("--model", "openai:stub", "--base-url", stub.base_url, "--limit", "1")
        command("simulate", *run, *model, "--protocol", f"{protocol}:Circle")
        (talk,) = stored(tmp_path / "run")
        assert [len(turn.asks) for turn in talk.turns] == [1] * 5
        stub.reset()
        assert document("transcripts", "fork", talk.id, "--at", "2", *run)["turns"][4]["text"] == talk.turns[4].text
        store = open_store(tmp_path / "run", create=False)
        with store.session() as session:
            session.execute(sa.delete(CommittedReply).where(CommittedReply.purpose == "protocol_ask"))
        store.close()
        assert document("transcripts", "verify", talk.id, *run)["status"] == "holds"
        protocol.write_text(ASKING.replace("What now", "What next"), encoding="utf-8")
        found = document("transcripts", "verify", talk.id, *run, expect=1)

        assert stub.stats.requests == 0
    assert found["divergence"]["what"] == "the protocol asks a model what it did not ask before"
    assert found["divergence"]["diff"] == ["What next, at 0?"]
    assert causes(found) == [("protocol", "protocol.sha256")]


def test_a_reply_that_is_gone_is_said(held: Held) -> None:
    talk = held.talks()[0]
    store = open_store(held.run, create=False)
    with store.session() as session:
        session.delete(session.get(CommittedReply, ("run", talk.turns[3].request)))
    store.close()

    found = verified(held, talk.id)

    assert (found["divergence"]["turn"], found["divergence"]["what"]) == (3, "the ledger lost the recorded reply")


def test_the_recorded_prompt_is_read_back_whole(held: Held) -> None:
    talk = held.talks()[0]
    store = open_store(held.run, create=False)
    found = [committed(store, turn.request or "") for turn in talk.turns]
    assert committed(store, "0" * 64) is None
    store.close()

    for turn, reply in zip(talk.turns, found, strict=True):
        assert reply is not None
        assert reply.key == turn.request
        roles = ["system", *["user", "assistant"] * 2, "user"]
        assert [message.role for message in reply.request.messages] == [*roles, *["user"] * (turn.index + 1)]
        heard = [message.content for message in reply.request.messages[len(roles) : -1]]
        assert heard == [f"{talk.seat(said.speaker).name}: {said.text}" for said in talk.turns[: turn.index]]


def test_live_says_how_far_the_endpoint_has_moved_and_commits_nothing(held: Held) -> None:
    talk = held.talks()[0]
    rows = (held.run / "run.db").stat().st_size
    same = document("transcripts", "verify", talk.id, "--live", "--run", str(held.run))
    assert (same["identical"], same["similarity"], held.stub.stats.requests) == (1.0, 1.0, 10)

    answer = held.stub.answer
    held.stub.answer = lambda body: "Another answer." if "turn" in str(body["messages"][-1]) else "Something else."
    try:
        moved = document("transcripts", "verify", talk.id, "--live", "--run", str(held.run))
        table = command("transcripts", "verify", "--all", "--live", "--run", str(held.run)).splitlines()
    finally:
        held.stub.answer = answer
    assert moved["identical"] == 0.0
    assert 0 < moved["similarity"] < 0.6
    assert [turn["today"] for turn in moved["turns"]] == ["Something else."] * 10
    assert table[0].split("\t") == ["talk", "turn", "speaker", "identical", "similarity"]
    assert len(table) == 22
    assert table[-1].startswith("openai:stub: 0 % of 20 replies are identical, mean similarity 0.")
    assert held.talks()[0] == talk
    assert (held.run / "run.db").stat().st_size == rows
    assert verified_holds(held, talk.id)


def test_live_asks_the_model_that_talked(held: Held) -> None:
    parent = held.talks()[0]
    run = ("--run", str(held.run))
    fork = document("transcripts", "fork", parent.id, "--at", "8", "--model", "openai:other", *run)
    held.stub.reset()

    document("transcripts", "verify", fork["id"], "--live", *run)

    assert set(held.stub.stats.per_model) == {"other"}
    assert mistake("transcripts", "verify", "--all", "--live", *run) == (
        "these talks are by several models (openai:other, openai:stub); say --model, or choose fewer"
    )


def verified_holds(held: Held, talk: str) -> bool:
    return bool(document("transcripts", "verify", talk, "--run", str(held.run))["status"] == "holds")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify"], "say which talk, or --all"),
        (["verify", "t_", "--all"], "say which talk, or --all"),
        (["verify", "--all", "--model", "openai:x"],
         "--model and --base-url are for --live: the ledger alone answers otherwise"),
        (["verify", "x"], "{run}: no talk begins with 'x'; `culturepark transcripts list` shows the ids"),
        (["verify", "--all", "--status", "done"], "--status: no status named 'done'. Known: complete, failed, planned."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_mistakes_are_one_line(arguments: list[str], message: str, held: Held) -> None:
    assert mistake("transcripts", *arguments, "--run", str(held.run)) == message.format(run=held.run)
