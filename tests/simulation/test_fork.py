"""Forks: the shared part is never asked for again, an unedited one repeats its parent, and forks live in the run."""

from typing import Any

import pytest

from culturepark.runtime.hashing import seed_from
from culturepark.simulation.transcript import Transcript
from tests.commands import command, document, mistake
from tests.simulation.conftest import Held

pytestmark = pytest.mark.integration

TURNS = 10


def fork(held: Held, talk: str, at: int, *more: str) -> tuple[Transcript, int]:
    """Fork over HTTP; returns the fork and how many requests it sent."""
    held.stub.reset()
    found = document("transcripts", "fork", talk, "--at", str(at), "--run", str(held.run), *more)
    assert found["requests_sent"] == held.stub.stats.requests
    return next(talk for talk in held.talks() if talk.id == found["id"]), held.stub.stats.requests


@pytest.mark.parametrize("at", range(TURNS + 1))
def test_an_unedited_fork_at_every_turn_of_five_seats_repeats_its_parent_without_a_request(at: int, held: Held) -> None:
    parent = held.talks()[0]

    forked, sent = fork(held, parent.id, at)

    assert sent == 0
    assert forked.turns == parent.turns
    assert (forked.parent and forked.parent.id, forked.root) == (parent.id, parent.id)
    assert forked.id != parent.id
    assert forked.status == "complete"


@pytest.mark.parametrize("at", range(TURNS))
def test_an_edited_utterance_at_every_turn_sends_only_what_comes_after_it(at: int, held: Held) -> None:
    parent = held.talks()[0]

    forked, sent = fork(held, parent.id, at, "--say", "I have changed my mind since the harvest.")

    assert forked.turns[:at] == parent.turns[:at]
    assert forked.turns[at].text == "I have changed my mind since the harvest."
    assert forked.turns[at].speaker == parent.turns[at].speaker
    assert forked.turns[at].request is None
    assert sent == sum(turn.draws for turn in forked.turns[at + 1 :])
    asked = [str(body["messages"]) for body in held.stub.bodies]
    assert all("I have changed my mind since the harvest." in prompt for prompt in asked)
    # The lots are drawn from the root, so the whispers stay what they were.
    assert [turn.cue for turn in forked.turns] == [turn.cue for turn in parent.turns]


def test_a_fork_takes_another_protocol_from_its_turn_on(held: Held) -> None:
    parent = held.talks()[0]

    forked, sent = fork(held, parent.id, 4, "--protocol", "free-chat", "--protocol-arg", "turns=7")

    assert forked.turns[:4] == parent.turns[:4]
    assert len(forked.turns) == 7
    assert sent == sum(turn.draws for turn in forked.turns[4:])
    assert forked.parent is not None
    assert forked.parent.edits.protocol is not None
    assert forked.parent.edits.protocol.name == "free-chat"


def test_another_persona_takes_a_seat_with_the_same_answer_and_its_own_countrys_share(held: Held) -> None:
    parent = held.talks()[0]
    old = parent.seats[1]

    forked, _ = fork(held, parent.id, 3, "--persona", f"{old.id}=german_maximilian")

    new = forked.seats[1]
    assert new.id == "german_maximilian"
    assert old.stance is not None
    assert new.stance is not None
    assert (new.stance.code, new.stance.words) == (old.stance.code, old.stance.words)
    assert (old.stance.country, new.stance.country) == (old.culture.country, "DEU")
    assert forked.turns[1].speaker == "german_maximilian"
    assert forked.turns[1].text == parent.turns[1].text
    assert all("Maximilian" in str(body["messages"]) for body in held.stub.bodies)


def test_another_model_speaks_from_the_fork_on(held: Held) -> None:
    parent = held.talks()[0]

    forked, sent = fork(held, parent.id, 8, "--model", "openai:other")

    assert sent >= 2
    assert set(held.stub.stats.per_model) == {"other"}
    assert [turn.model for turn in forked.turns] == ["stub"] * 8 + ["other"] * 2
    assert forked.model == "openai:other"


def test_a_fork_of_a_fork_keeps_its_root_and_is_listed_after_it(held: Held) -> None:
    parent = held.talks()[0]
    child, _ = fork(held, parent.id, 2, "--say", "My aunt says otherwise.")
    grandchild, sent = fork(held, child.id, 6)

    assert sent == 0
    assert grandchild.turns == child.turns
    assert (grandchild.root, grandchild.parent and grandchild.parent.id) == (parent.id, child.id)
    assert seed_from(grandchild.root) == seed_from(parent.id)
    listed = [talk["id"] for talk in document("transcripts", "list", "--run", str(held.run))]
    assert listed[0] == parent.id
    assert {child.id, grandchild.id} == set(listed[1:3])
    shown = command("transcripts", "show", child.id, "--run", str(held.run))
    assert f"fork of {parent.id} at turn 2: another utterance" in shown
    assert all(one["status"] == "holds" for one in document("transcripts", "verify", "--all", "--run", str(held.run)))


def test_the_same_fork_again_is_the_same_talk(held: Held) -> None:
    parent = held.talks()[0]
    first, _ = fork(held, parent.id, 5, "--say", "No.")
    again, sent = fork(held, parent.id, 5, "--say", "No.")

    assert sent == 0
    assert again == first


def test_a_broken_fork_goes_on_with_the_same_command(held: Held) -> None:
    parent = held.talks()[0]
    edit = ("--say", "The river rose that year.")
    study = held.run / "study.yaml"
    study.write_text(study.read_text("utf-8").replace("attempts: 5", "attempts: 1"), encoding="utf-8")
    answer = held.stub.answer
    calls = 0

    def breaking(body: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise RuntimeError("broken")
        return answer(body)

    held.stub.answer = breaking
    try:
        command("transcripts", "fork", parent.id, "--at", "2", *edit, "--run", str(held.run), expect=1)
    finally:
        held.stub.answer = answer
    (part,) = [talk for talk in held.talks() if talk.parent]
    assert part.status == "failed"
    assert 3 < len(part.turns) < TURNS
    whole, sent = fork(held, parent.id, 2, *edit)

    assert whole.status == "complete"
    assert whole.turns[: len(part.turns)] == part.turns
    assert 3 + sent == sum(turn.draws for turn in whole.turns[3:])


def test_a_spent_budget_ends_a_fork_with_1_and_what_was_said_is_kept(held: Held) -> None:
    parent = held.talks()[0]
    study = held.run / "study.yaml"
    spent = sum(turn.draws for talk in held.talks() for turn in talk.turns)
    study.write_text(study.read_text("utf-8").replace("requests: null", f"requests: {spent + 3}"), encoding="utf-8")

    command("transcripts", "fork", parent.id, "--at", "2", "--say", "No.", "--run", str(held.run), expect=1)

    assert held.stub.stats.requests == 3
    (part,) = [talk for talk in held.talks() if talk.parent]
    assert len(part.turns) > 3


def test_the_studys_own_run_leaves_forks_alone(held: Held) -> None:
    parent = held.talks()[0]
    fork(held, parent.id, 2, "--say", "No.")
    before = held.talks()
    held.stub.reset()

    done = document("simulate", str(held.run / "study.yaml"), "--run", str(held.run))

    assert (done["dialogues"], done["turns"], held.stub.stats.requests) == (2, 20, 0)
    assert held.talks() == before


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--at", "11"], "talk {id} has 10 turns, so a fork is --at 0 to 10, not 11"),
        (["--at", "-1"], "talk {id} has 10 turns, so a fork is --at 0 to 10, not -1"),
        (["--at", "10", "--say", "x"], "talk {id} has 10 turns, so a fork that edits a turn is --at 0 to 9, not 10"),
        (["--at", "2", "--protocol", "frechat"],
         "no protocol named 'frechat'; did you mean 'free-chat'? Known: {protocols}."),
        (["--at", "2", "--protocol-arg", "turns"], "--protocol-arg 'turns' is not key=value"),
        (["--at", "2", "--persona", "german_sophia"], "--persona 'german_sophia' is not key=value"),
        (["--at", "2", "--persona", "bengali_aarav=german_sophia"],
         "--persona bengali_aarav=german_sophia: 'bengali_aarav' has no seat in talk {id}; seated are {seated}"),
        (["--at", "2", "--persona", "{first}={second}"], "--persona: '{second}' cannot take two seats of talk {id}"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_mistakes_of_a_fork_are_one_line_and_write_nothing(more: list[str], message: str, held: Held) -> None:
    from culturepark.protocols.catalogue import list_protocols

    parent = held.talks()[0]
    seated = [seat.id for seat in parent.seats]
    facts = {"id": parent.id, "seated": ", ".join(seated), "first": seated[0], "second": seated[1]}
    facts["protocols"] = ", ".join(sorted(one.name for one in list_protocols()))
    arguments = [word.format(**facts) for word in more]
    before = held.talks()

    assert mistake("transcripts", "fork", parent.id, *arguments, "--run", str(held.run)) == message.format(**facts)
    assert held.talks() == before
    assert held.stub.stats.requests == 0
