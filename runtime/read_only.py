"""A run opened by somebody who only looks: nothing in its folder changes, whoever else is at work there."""

import sqlite3
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.store import DATABASE, LOCATION, SCHEMA_VERSION, Base, SchemaVersion, Store, disk_errors


@contextmanager
def looking(folder: Path) -> Iterator[Store]:
    """Open a run read-only. Tables that the run does not have yet are there and empty.

    Raises:
        CultureParkError: When there is no run, or another version of CulturePark wrote it.
    """
    engine, run_id = _engine(folder)
    try:
        with disk_errors(folder):
            _check_version(engine, folder)
            yield Store(engine, run_id=run_id, folder=folder)
    finally:
        engine.dispose()


def stamp(folder: Path) -> str:
    """What is another one after whatever was written to the run: what was read under the same stamp is still so.

    Raises:
        CultureParkError: When the run's database cannot be reached.
    """
    database = _file(folder)
    if database is not None:
        files = (database, database.with_name(f"{database.name}-wal"))
        return " ".join(str(file.stat().st_mtime_ns) for file in files if file.exists())
    engine, _ = _engine(folder)
    with disk_errors(folder), engine.connect() as connection:
        return str(connection.scalar(sa.text("SELECT pg_current_snapshot()::text")))


def is_run(folder: Path) -> bool:
    """Whether a run lies in the folder."""
    return (folder / DATABASE).is_file() or (folder / LOCATION).is_file()


def _file(folder: Path) -> Path | None:
    """The SQLite file of a run; None when its rows are in a server's database."""
    location = folder / LOCATION
    if not location.is_file():
        return folder / DATABASE
    url = sa.make_url(location.read_text(encoding="utf-8").strip())
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def _engine(folder: Path) -> tuple[sa.Engine, str]:
    run_id = folder.resolve().name if (folder / LOCATION).is_file() else "run"
    database = _file(folder)
    if database is None:
        engine = sa.create_engine((folder / LOCATION).read_text(encoding="utf-8").strip(), poolclass=sa.NullPool)
        sa.event.listen(engine, "connect", lambda connection, _: _only_read(connection, engine.dialect))
        return engine, run_id
    if not database.is_file():
        raise CultureParkError(f"{folder}: there is no run here; `culturepark run --run {folder}` makes one")
    return sa.create_engine("sqlite://", poolclass=sa.NullPool, creator=lambda: _connect(database)), run_id


def _only_read(connection: Any, dialect: sa.Dialect) -> None:
    """Let a PostgreSQL connection read, and nothing else."""
    there = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))")
    for statement in _missing({name for (name,) in there.fetchall()}, dialect):
        connection.execute(statement)
    connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    connection.commit()


def _connect(database: Path) -> sqlite3.Connection:
    # Without a write-ahead log nobody has written since the last checkpoint, and `immutable` keeps SQLite from making
    # one beside the database; with one, its index is needed and already there.
    log = database.with_name(f"{database.name}-wal")
    how = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"{database.resolve().as_uri()}?{how}", uri=True, check_same_thread=False)
    connection.execute("PRAGMA busy_timeout=30000")
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for statement in _missing(there, _SQLITE):
        connection.execute(statement)
    connection.commit()
    return connection


def _missing(there: Set[str], dialect: sa.Dialect) -> list[str]:
    """What makes the tables that a run of before a stage does not have, for one connection, outside the run."""
    missing = (table for name, table in Base.metadata.tables.items() if name not in there)
    return [str(CreateTable(_temporary(table)).compile(dialect=dialect)) for table in missing]


def _temporary(table: sa.Table) -> sa.Table:
    columns = [sa.Column(column.name, column.type, primary_key=column.primary_key) for column in table.columns]
    return sa.Table(table.name, sa.MetaData(), *columns, prefixes=["TEMPORARY"])


def _check_version(engine: sa.Engine, folder: Path) -> None:
    with engine.connect() as connection:
        version: Any = connection.scalar(sa.select(SchemaVersion.version))
    if version != SCHEMA_VERSION:
        found = "no CulturePark run" if version is None else f"schema {version}, and this reads {SCHEMA_VERSION}"
        raise CultureParkError(f"{folder}: {found}; open it once with `culturepark transcripts list --run {folder}`")


_SQLITE = sa.create_engine("sqlite://").dialect
