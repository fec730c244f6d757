"""A run opened by somebody who only looks: nothing in its folder changes, whoever else is at work there."""

import sqlite3
from collections.abc import Iterator
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


def is_run(folder: Path) -> bool:
    """Whether a run lies in the folder."""
    return (folder / DATABASE).is_file() or (folder / LOCATION).is_file()


def _engine(folder: Path) -> tuple[sa.Engine, str]:
    location = folder / LOCATION
    if location.is_file():
        options = {"options": "-c default_transaction_read_only=on"}
        url = location.read_text(encoding="utf-8").strip()
        return sa.create_engine(url, poolclass=sa.NullPool, connect_args=options), folder.resolve().name
    if not (folder / DATABASE).is_file():
        raise CultureParkError(f"{folder}: there is no run here; `culturepark run --run {folder}` makes one")
    return sa.create_engine("sqlite://", poolclass=sa.NullPool, creator=lambda: _connect(folder / DATABASE)), "run"


def _connect(database: Path) -> sqlite3.Connection:
    # Without a write-ahead log nobody has written since the last checkpoint, and `immutable` keeps SQLite from making
    # one beside the database; with one, its index is needed and already there.
    log = database.with_name(f"{database.name}-wal")
    how = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"{database.resolve().as_uri()}?{how}", uri=True, check_same_thread=False)
    connection.execute("PRAGMA busy_timeout=30000")
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for name, table in Base.metadata.tables.items():
        if name not in there:
            # Temporary tables live outside the file, so that a run of before a stage existed reads as one without it.
            connection.execute(str(CreateTable(_temporary(table)).compile(dialect=_SQLITE)))
    connection.commit()
    return connection


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
