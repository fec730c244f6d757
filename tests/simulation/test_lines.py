"""The list of talks is read from narrow rows, and says what the transcripts say."""

import pytest
import sqlalchemy as sa

from culturepark.runtime.store import Base, open_store
from culturepark.simulation.lines import line_of, list_talks
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
def test_lines_are_those_of_the_transcripts(held: Held, selection: Selection, older: bool) -> None:
    talk = held.talks()[0].id
    command("transcripts", "fork", talk, "--at", 9, "--say", "I see it otherwise now.", "--run", held.run)
    store = open_store(held.run)
    if older:
        with store.session() as session:
            session.execute(sa.delete(Base.metadata.tables["listed_talks"]))

    lines = list_talks(store, selection)
    expected = [line_of(talk) for talk in selection.of(load_transcripts(store))]
    store.close()

    assert lines == expected
    if selection == Selection():
        assert [(line.turns, line.cells[-1]) for line in lines] == [(10, None), (10, f"{talk} at 9"), (10, None)]
