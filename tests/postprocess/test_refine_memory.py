"""Refining holds few talks and opinions at once: both are read where they are kept, one after the other."""

from pathlib import Path

import sqlalchemy as sa

from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.tables import AT_ONCE, each_opinion, load_opinions, put_refined
from culturepark.runtime.record import Packed
from culturepark.runtime.store import open_store
from culturepark.simulation.talks import TALKS_AT_ONCE, add_talks, each_transcript, load_transcripts
from culturepark.simulation.transcript import Transcript
from tests.postprocess.conftest import Refined
from tests.postprocess.talking import talk

MANY = 150


def many_talks() -> list[Transcript]:
    return [talk(f"I want parent number {number} to be proud.", identifier=f"t_{number:03}") for number in range(MANY)]


def test_packed_records_come_back_as_they_were(refined_once: Refined) -> None:
    opinions = refined_once.opinions()
    packed = Packed(Opinion, opinions)
    assert [one.model_dump() for one in packed] == [one.model_dump() for one in opinions]
    packed[1] = opinions[0]
    packed.extend(opinions[:1])
    assert (len(packed), packed[1], packed[-1], packed[:2]) == (
        len(opinions) + 1, opinions[0], opinions[0], [opinions[0]] * 2,
    )  # fmt: skip


def test_talks_and_opinions_are_read_one_after_the_other_in_their_order(refined_once: Refined, tmp_path: Path) -> None:
    opinion = refined_once.opinions()[0]
    opinions = [opinion.model_copy(update={"id": f"o_{-number}"}) for number in range(2 * AT_ONCE + 1)]
    store = open_store(tmp_path)
    try:
        add_talks(store, many_talks())
        with store.session() as session:
            put_refined(session.connection(), store.run_id, opinions, [], None)
        talks = load_transcripts(store)
        assert list(each_transcript(store, [talk.id for talk in talks])) == talks == many_talks()
        assert list(each_opinion(store)) == load_opinions(store) == opinions
    finally:
        store.close()


def test_talks_are_read_some_at_once(tmp_path: Path) -> None:
    queries: list[str] = []
    store = open_store(tmp_path)
    try:
        add_talks(store, many_talks())
        sa.event.listen(store.engine, "before_cursor_execute", lambda *told: queries.append(told[2]))
        read = each_transcript(store, [f"t_{number:03}" for number in range(MANY)])
        asked = [len([sql for sql in queries if "FROM turns" in sql]) for talk in read]
    finally:
        store.close()

    assert asked == [1 + place // TALKS_AT_ONCE for place in range(MANY)]
