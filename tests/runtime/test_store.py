"""The run database: committed means on disk, versions are told apart, faults are one clear line."""

import asyncio
import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.store import Base, SchemaVersion, migrate, only_writer, open_store
from culturepark.simulation import talks as _talks  # noqa: F401  (declares its tables)


def test_many_writers_share_commits_and_lose_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    table = Base.metadata.tables["messages"]

    async def main() -> None:
        rows = [
            {"run_id": "run", "hash": str(number), "parent": None, "role": "user", "content": "x"}
            for number in range(500)
        ]
        await asyncio.gather(*(store.write(lambda c, row=row: c.execute(sa.insert(table), row)) for row in rows))

    asyncio.run(main())
    store.close()
    again = open_store(tmp_path)
    with again.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 500
    again.close()


def test_one_writers_mistake_is_its_own(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    table = Base.metadata.tables["messages"]
    row = {"run_id": "run", "hash": "1", "parent": None, "role": "user", "content": "x"}

    async def main() -> list[object]:
        insert = [store.write(lambda c, key=key: c.execute(sa.insert(table), {**row, "hash": key})) for key in "1123"]
        return await asyncio.gather(*insert, return_exceptions=True)

    results = asyncio.run(main())
    store.close()
    assert [isinstance(result, sa.exc.IntegrityError) for result in results] == [False, True, False, False]


def test_a_newer_run_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.session() as session:
        session.execute(sa.update(SchemaVersion).values(version=99))
    store.close()

    with pytest.raises(CultureParkError) as refused:
        open_store(tmp_path)

    assert str(refused.value) == (
        f"{tmp_path}: written by a newer CulturePark (schema 99, this one reads up to 1); "
        "upgrade with `pip install --upgrade culturepark`"
    )


def test_an_older_run_is_migrated(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    migrations = {1: ["ALTER TABLE messages ADD COLUMN extra TEXT"], 2: ["UPDATE messages SET extra = 'x'"]}

    migrate(store.engine, place="here", migrations=migrations, to=3)

    columns = {column["name"] for column in sa.inspect(store.engine).get_columns("messages")}
    with store.engine.connect() as connection:
        assert connection.scalar(sa.select(SchemaVersion.version)) == 3
    store.close()
    assert "extra" in columns


def test_a_foreign_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run.db").write_bytes(b"not a database, but somebody's notes" * 50)

    with pytest.raises(CultureParkError, match="is not a CulturePark run"):
        open_store(tmp_path)

    assert (tmp_path / "run.db").read_bytes().startswith(b"not a database")


def test_a_full_disk_is_one_clear_line_and_keeps_what_was_written(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    table = Base.metadata.tables["messages"]

    def insert(key: str, content: str) -> None:
        async def main() -> None:
            row = {"run_id": "run", "hash": key, "parent": None, "role": "user", "content": content}
            await store.write(lambda c: c.execute(sa.insert(table), row))

        asyncio.run(main())

    insert("1", "small")
    # SQLite's own limit: the very error a full disk gives, on a machine whose disk is not full.
    asyncio.run(store.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 40")))
    with pytest.raises(CultureParkError) as refused:
        insert("2", "x" * 10**6)

    assert str(refused.value) == (
        f"{tmp_path}: the disk is full; everything before is saved; free space and run the same command"
    )
    with store.engine.connect() as connection:
        assert connection.scalars(sa.select(table.c.content)).all() == ["small"]
    store.close()


def test_a_second_stage_is_kept_off_the_folder(tmp_path: Path) -> None:
    with only_writer(tmp_path), pytest.raises(CultureParkError) as refused, only_writer(tmp_path):
        pass

    assert str(refused.value) == (
        f"{tmp_path}: process {os.getpid()} is working on this run; wait for it or stop it first"
    )
    with only_writer(tmp_path):
        pass


def test_reading_a_run_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CultureParkError) as refused:
        open_store(tmp_path / "nothing", create=False)

    place = tmp_path / "nothing"
    assert str(refused.value) == f"{place}: there is no run here; `culturepark run --run {place}` makes one"
    assert not place.exists()


def test_a_look_up_sees_what_another_process_committed_since_the_last_one(tmp_path: Path) -> None:
    store, other = open_store(tmp_path), open_store(tmp_path)
    table = Base.metadata.tables["messages"]
    query = sa.select(table.c.content).where(table.c.hash == sa.bindparam("hash"))

    assert store.look_up(query, {"hash": "1"}) is None
    with other.session() as session:
        session.execute(
            sa.insert(table), {"run_id": "run", "hash": "1", "parent": None, "role": "user", "content": "x"}
        )

    assert store.look_up(query, {"hash": "1"}) == "x"
    store.close()
    other.close()


def test_what_nobody_waits_for_any_more_is_written_all_the_same(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    table = Base.metadata.tables["messages"]
    row = {"run_id": "run", "hash": "1", "parent": None, "role": "user", "content": "x"}

    async def main() -> None:
        waiting = asyncio.create_task(store.write(lambda c: c.execute(sa.insert(table), row)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    store.close()
    again = open_store(tmp_path)
    with again.engine.connect() as connection:
        assert connection.scalars(sa.select(table.c.hash)).all() == ["1"]
    again.close()
