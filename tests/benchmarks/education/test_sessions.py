"""Lessons held in a run: even lots, short transactions, the right model in each arm, and deletion without a trace."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from culturepark.benchmarks.education.classroom import Classroom, load_classroom
from culturepark.benchmarks.education.lesson import Guess
from culturepark.benchmarks.education.lesson_files import read_lessons
from culturepark.benchmarks.education.lots import BLOCK, lot
from culturepark.benchmarks.education.sessions import (
    Session,
    begin,
    end_lesson,
    hand_in_first,
    hand_in_second,
    hand_in_sheet,
    load_lessons,
    load_session,
    withdraw,
)
from culturepark.benchmarks.education.tutor import Tutors, survey_table
from culturepark.runtime.budget import BudgetSettings
from culturepark.runtime.errors import BudgetSpentError, CultureParkError
from culturepark.runtime.store import CommittedReply, PromptMessage, Store, open_store
from tests.commands import command, document, mistake
from tests.stub_server import Body, StubServer, serving

CANARY = "My village is called Zwiebelbach."


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "run")) as found:
        yield found


def classroom(stub: StubServer | None = None, *, seed: int = 0) -> Classroom:
    return Classroom(
        seed=seed,
        cultures={"turkish": "openai:tuned"},
        base_model="openai:plain",
        base_url=stub.base_url if stub else None,
    )


def seed_for(arm: str) -> int:
    return next(seed for seed in range(100) if lot(0, culture="turkish", seed=seed).arm == arm)


def at_lesson(store: Store, room: Classroom) -> Session:
    """A lesson whose first form was handed in."""
    session = begin(store, room, "turkish", consent="1")
    return hand_in_first(store, session, session.lesson.before)


def exchange(
    store: Store, room: Classroom, session: Session, text: str, budget: BudgetSettings | None = None
) -> Session:
    async def ask() -> Session:
        async with Tutors() as tutors:
            return await tutors.exchange(store, room, session, text, budget=budget or BudgetSettings())

    return asyncio.run(ask())


def kept_texts(store: Store) -> list[str]:
    """Everything that the ledger holds in words."""
    with store.engine.connect() as connection:
        messages = connection.scalars(sa.select(PromptMessage.content))
        replies = connection.scalars(sa.select(CommittedReply.reply))
        return [*messages, *(reply["text"] for reply in replies)]


def test_every_block_holds_every_arm_with_either_form_first() -> None:
    drawn = [lot(place, culture="turkish", seed=7) for place in range(60)]

    for start in range(0, 60, 6):
        assert Counter(drawn[start : start + 6]) == Counter(BLOCK)
    assert drawn != [lot(place, culture="turkish", seed=8) for place in range(60)]
    assert drawn != [lot(place, culture="korean", seed=7) for place in range(60)]
    assert len({tuple(drawn[start : start + 6]) for start in range(0, 60, 6)}) > 5


def test_a_lesson_from_consent_to_debrief(store: Store, tmp_path: Path) -> None:
    room = classroom(seed=seed_for("survey_table"))
    session = begin(store, room, "turkish", consent="1")
    code = session.lesson.id
    forms = room.forms(room.culture("turkish")).in_order(session.lesson.order)
    assert [guess.question for guess in session.lesson.before] == [question.id for question in forms[0]]
    assert session.step == "before"

    session = hand_in_first(store, session, [Guess(question=one.id, share=0.5) for one in forms[0]])
    session = end_lesson(store, session, room)
    session = hand_in_second(store, session, [Guess(question=one.id, spread=0.2) for one in forms[1]])
    session = hand_in_sheet(store, session, {"again": 5, "interesting": None})

    assert load_session(store, code) == session
    assert (session.step, session.lesson.status, session.lesson.arm) == ("done", "complete", "survey_table")
    out = tmp_path / "lessons.csv"
    assert document("education", "export", "--run", store.folder, "--out", out) == {
        "lessons": 1, "complete": 1, "file": str(out),
    }  # fmt: skip
    assert read_lessons([out]).lessons == load_lessons(store) == [session.lesson]


def test_lessons_that_begin_at_once_take_a_place_each(store: Store) -> None:
    room = classroom()

    with ThreadPoolExecutor(8) as threads:
        sessions = list(threads.map(lambda _: begin(store, room, "turkish", consent="1"), range(12)))

    assert Counter((one.lesson.arm, one.lesson.order) for one in sessions) == Counter(BLOCK * 2)


def test_a_change_waits_for_whoever_is_writing(store: Store) -> None:
    """A simulation that holds the database for a moment must not throw a lesson out."""
    room = classroom()
    session = begin(store, room, "turkish", consent="1")
    with closing(open_store(store.folder)) as other, ThreadPoolExecutor(1) as threads:
        with other.session() as writing:
            writing.execute(sa.text("CREATE TABLE elsewhere (a INTEGER)"))
            waiting = threads.submit(hand_in_first, store, session, session.lesson.before)
            assert not waiting.done()
        assert waiting.result(timeout=20).step == "lesson"


def test_a_withdrawn_lesson_leaves_its_place_taken_and_nothing_else(store: Store) -> None:
    room = classroom()
    withdraw(store, begin(store, room, "turkish", consent="1").lesson.id)

    second = begin(store, room, "turkish", consent="1").lesson

    assert (second.arm, second.order) == lot(1, culture="turkish", seed=0)
    assert load_lessons(store) == [second]


@pytest.mark.parametrize(("arm", "model"), [("culture_model", "tuned"), ("base_model", "plain")])
def test_both_models_are_told_the_same(store: Store, arm: str, model: str) -> None:
    with serving(answer=lambda body: "Tea, mostly.", models=("tuned", "plain")) as stub:
        room = classroom(stub, seed=seed_for(arm))
        session = exchange(store, room, at_lesson(store, room), "  What do you drink?  ")
        session = exchange(store, room, session, "And you?")

        assert [body["model"] for body in stub.bodies] == [model, model]
        assert [one["content"] for one in stub.bodies[1]["messages"]] == [
            "You answer as people in Turkey do. Speak for yourself, in a sentence or two.",
            "What do you drink?", "Tea, mostly.", "And you?",
        ]  # fmt: skip
    assert session.lesson.exchanges == 2
    assert [one.by for one in session.chat] == ["participant", "model", "participant", "model"]


def test_withdrawing_takes_ones_own_words_and_nobody_elses(store: Store) -> None:
    with serving(answer=lambda body: "I see.", models=("tuned", "plain")) as stub:
        room = classroom(stub, seed=seed_for("culture_model"))
        mine = exchange(store, room, at_lesson(store, room), CANARY)
        while (theirs := at_lesson(store, room)).lesson.arm != "culture_model":
            pass
        theirs = exchange(store, room, theirs, CANARY)
        assert len(stub.bodies) == 2  # equal words, and still two requests
        exchange(store, room, mine, "Mine alone")

        withdraw(store, mine.lesson.id)

    texts = kept_texts(store)
    assert texts.count(CANARY) == 1
    assert "Mine alone" not in texts
    assert [text for text in texts if text.startswith("You answer as")] != []
    assert load_session(store, theirs.lesson.id) == theirs


def test_a_reply_to_somebody_who_has_withdrawn_is_not_kept(store: Store) -> None:
    def answer(body: Body) -> str:
        with closing(open_store(store.folder)) as other:
            withdraw(other, session.lesson.id)
        return "Too late."

    with serving(answer=answer, models=("tuned", "plain")) as stub:
        room = classroom(stub, seed=seed_for("culture_model"))
        session = at_lesson(store, room)
        with pytest.raises(CultureParkError, match="was withdrawn"):
            exchange(store, room, session, CANARY)

    assert kept_texts(store) == []
    for path in store.folder.glob("run.db*"):
        assert CANARY.encode() not in path.read_bytes()


def test_the_budget_of_the_study_holds_in_the_classroom(store: Store) -> None:
    with serving(answer=lambda body: "Yes.", models=("tuned", "plain")) as stub:
        room = classroom(stub, seed=seed_for("culture_model"))
        session = exchange(store, room, at_lesson(store, room), "One", BudgetSettings(requests=1))
        with pytest.raises(BudgetSpentError):
            exchange(store, room, session, "Two", BudgetSettings(requests=1))

    assert load_session(store, session.lesson.id) == session


@pytest.mark.parametrize(
    ("arm", "text", "line"),
    [
        ("culture_model", "  ", "the message is empty; write something first"),
        ("culture_model", "x" * 1001, "the message has 1001 characters; keep it under 1000"),
        ("survey_table", "Hello", "this lesson is a table; there is nobody to write to"),
    ],
)
def test_what_cannot_be_sent_is_one_line(store: Store, arm: str, text: str, line: str) -> None:
    room = classroom(seed=seed_for(arm))
    with pytest.raises(CultureParkError) as caught:
        exchange(store, room, at_lesson(store, room), text)
    assert str(caught.value) == line


def test_the_table_holds_no_held_out_question() -> None:
    room = classroom()
    lines = survey_table(room.asked, room.culture("turkish"))

    held_out = {one.text["en"] for one in room.asked.questions.values() if one.split == "held-out"}
    assert len(lines) == 30
    assert {line.text for line in lines} & held_out == set()
    assert all(abs(sum(share for _, share in line.shares) - 1) < 1e-9 for line in lines)


def test_setting_up_a_classroom(store: Store) -> None:
    options = ("--culture-model", "turkish=openai:tuned", "--base-model", "openai:plain")

    text = command("education", "setup", store.folder, *options, "--contact", "room 7")

    assert text.splitlines()[0] == f"lessons about turkish -> {store.folder}/classroom.yaml"
    found = load_classroom(store.folder)
    assert found is not None
    assert (found.cultures, found.base_model, found.contact) == ({"turkish": "openai:tuned"}, "openai:plain", "room 7")
    begin(store, found, "turkish", consent="1")
    command("education", "setup", store.folder, *options, "--contact", "room 7")  # the same again is no change
    assert mistake("education", "setup", store.folder, *options, "--seed", "5") == (
        f"{store.folder}/classroom.yaml: lessons were held with it, and a change would mix two studies; "
        "set the new one up in another run"
    )


@pytest.mark.parametrize(
    ("options", "line"),
    [
        pytest.param(("--culture-model", "turkish"), "--culture-model 'turkish': write CULTURE=MODEL, e.g. turkish=openai:my-tuned-model", id="no-model"),
        pytest.param(("--culture-model", "turkish=openai:a", "--culture-model", "turkish=openai:b"), "--culture-model: 'turkish' stands there twice", id="twice"),
        pytest.param(("--culture-model", "turkisch=openai:a"), "no culture named 'turkisch'; did you mean 'turkish'? Known: arabic, bengali, chinese, english, german, korean, portuguese, spanish, turkish.", id="culture"),
        pytest.param(("--culture-model", "turkish=openai:"), "model 'openai:' names no model; write for instance openai:gpt-4o-mini", id="model"),
        pytest.param(("--culture-model", "turkish=openai:a", "--base-url", "here"), "--base-url 'here' is not a web address; write for instance http://127.0.0.1:8000/v1", id="address"),
    ],
)  # fmt: skip
def test_a_classroom_that_cannot_be_is_one_line_and_no_file(store: Store, options: tuple[Any, ...], line: str) -> None:
    assert mistake("education", "setup", store.folder, *options, "--base-model", "openai:plain") == line
    assert load_classroom(store.folder) is None


def test_commands_without_lessons_are_one_line(store: Store, tmp_path: Path) -> None:
    assert mistake("education", "export", "--run", store.folder, "--out", tmp_path / "l.jsonl") == (
        f"{store.folder}: no lesson was held here; `culturepark studio {store.folder}` has a classroom"
    )
    assert mistake("education", "withdraw", "zzzz", "--run", store.folder) == (
        "there is no lesson with the code 'zzzz'; look for a slip, or it was withdrawn"
    )


@pytest.mark.slow
def test_lessons_on_postgres(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "canary-7713")
    with closing(open_store(tmp_path / "lessons", url=postgres)) as store:
        room = classroom()
        with ThreadPoolExecutor(4) as threads:
            sessions = list(threads.map(lambda _: begin(store, room, "turkish", consent="1"), range(6)))
        assert Counter((one.lesson.arm, one.lesson.order) for one in sessions) == Counter(BLOCK)
        for one in sessions:
            withdraw(store, one.lesson.id)
        assert load_lessons(store) == []
