"""The list of talks is read from narrow rows, and says what the transcripts say."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from culturepark.personas import load_roster, load_survey
from culturepark.personas.casting import cast_talks
from culturepark.protocols import load_protocol
from culturepark.runtime.store import Base, open_store
from culturepark.simulation import lines, talks
from culturepark.simulation.lines import line_of, list_talks
from culturepark.simulation.plan import SimulateSettings, plan_talks
from culturepark.simulation.selection import Selection
from culturepark.simulation.talks import load_transcripts
from tests.commands import command
from tests.simulation.conftest import Held


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(limit=2),
        Selection(culture="korean"),
        Selection(culture="chinese"),
        Selection(question="Q27", status="complete"),
        Selection(status="failed"),
    ],
    ids=str,
)
@pytest.mark.parametrize("older", [False, True], ids=["", "begun by an older version"])
@pytest.mark.parametrize("at_once", [1, 2, 1000])
def test_lines_are_those_of_the_transcripts(
    held: Held, selection: Selection, older: bool, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "AT_ONCE", at_once)
    talk = held.talks()[0].id
    command("transcripts", "fork", talk, "--at", 9, "--say", "I see it otherwise now.", "--run", held.run)
    store = open_store(held.run)
    if older:
        with store.session() as session:
            session.execute(sa.delete(Base.metadata.tables["listed_talks"]))

    listed = list(list_talks(store, selection))
    expected = [line_of(talk) for talk in selection.of(load_transcripts(store))]
    store.close()

    assert listed == expected
    if selection == Selection():
        assert [(line.turns, line.cells[-1]) for line in listed] == [(10, None), (10, f"{talk} at 9"), (10, None)]


def test_a_list_holds_nothing_between_its_lines(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads it slowly neither keeps the run's log from being emptied nor has read more than was taken."""
    monkeypatch.setattr(lines, "AT_ONCE", 1)
    store = open_store(held.run)
    asked: list[str] = []
    sa.event.listen(store.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))

    listed = list_talks(store, Selection())
    first = next(listed)
    before = len([query for query in asked if "stance_distance" in query])
    with store.engine.connect() as connection:
        busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    rest = list(listed)
    store.close()

    assert (before, busy) == (1, 0)
    assert [line.talk for line in (first, *rest)] == [talk.id for talk in held.talks()]


@pytest.mark.slow
def test_lines_come_page_by_page_from_postgresql(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "AT_ONCE", 2)
    protocol, settings = load_protocol("self-guidance"), SimulateSettings(talks=7)
    casting = cast_talks(settings, load_roster(), load_survey("wvs7"), seed=1)
    plans = plan_talks(casting.talks, settings, protocol, model="m", seed=1)
    store = open_store(tmp_path / "run", url=postgres)

    asyncio.run(talks.save_plans(store, plans))
    listed = list(list_talks(store, Selection()))
    few = list(list_talks(store, Selection(limit=3)))
    store.close()

    assert listed == [line_of(plan) for plan in plans]
    assert few == listed[:3]


def test_a_plan_of_which_a_part_was_written_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a kill between two parts: the list is the one of a plan that was written at once."""
    monkeypatch.setattr(talks, "PLANS_AT_ONCE", 2)
    protocol, settings = load_protocol("self-guidance"), SimulateSettings(talks=5)
    casting = cast_talks(settings, load_roster(), load_survey("wvs7"), seed=1)
    plans = plan_talks(casting.talks, settings, protocol, model="m", seed=1)
    broken, whole = open_store(tmp_path / "broken"), open_store(tmp_path / "whole")

    asyncio.run(talks.save_plans(broken, plans[:2]))
    asyncio.run(talks.save_plans(broken, plans))
    asyncio.run(talks.save_plans(whole, plans))
    listed = [list(list_talks(store, Selection())) for store in (broken, whole)]
    broken.close()
    whole.close()

    assert listed[0] == listed[1]
    assert [line.talk for line in listed[0]] == [plan.id for plan in plans]
