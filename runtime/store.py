"""The run database: one run is one folder with `run.db` and `study.yaml`, or rows of a shared PostgreSQL.

Every table carries the run's id, so both hold the same tables. Stages declare their own tables on `Base`.
"""

import asyncio
import contextlib
import fcntl
import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from culturepark.runtime.errors import CultureParkError

SCHEMA_VERSION: Final = 1
MIGRATIONS: Final[Mapping[int, Sequence[str]]] = {}
"""SQL that lifts a database from version n to n + 1, keyed by n; run in one transaction."""

DATABASE: Final = "run.db"
LOCATION: Final = "store.url"
"""In the folder of a run whose rows live elsewhere: the database's URL, without its password."""
STOOD_IN_THE_WAY: Final = {"40P01", "40001"}
"""PostgreSQL's codes for a transaction that gave way to another one (deadlock, conflict); done again, it succeeds."""
T = TypeVar("T")


class Base(DeclarativeBase):
    """Base of every table of every stage."""


class SchemaVersion(Base):
    """One row: the version this database was written with."""

    __tablename__ = "schema_version"

    version: Mapped[int] = mapped_column(primary_key=True)


class PromptMessage(Base):
    """A message with the hash of all before it: a growing context is stored once, as a chain."""

    __tablename__ = "messages"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(primary_key=True)
    parent: Mapped[str | None]
    role: Mapped[str]
    content: Mapped[str]


class CommittedReply(Base):
    """A reply that was paid for. Never changed, never asked for again."""

    __tablename__ = "replies"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    prompt: Mapped[str]
    """Hash of the prompt's last message: the end of its chain."""
    purpose: Mapped[str] = mapped_column(index=True)
    draw: Mapped[int]
    identity: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    reply: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    cost: Mapped[float | None]
    """US dollars by the price table; None where no price is known."""
    seconds: Mapped[float]
    """Time from sending to the whole reply; outside every id."""


class OtherSpending(Base):
    """What was spent and no reply here stands for: replies that were removed, and tries that brought none."""

    __tablename__ = "removed_spending"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int]
    tokens: Mapped[int]
    money: Mapped[float]


class Put(NamedTuple):
    """Rows for a table. Those already there stay as they are, so that putting them twice is putting them once."""

    table: type[Base]
    rows: Sequence[Mapping[str, Any]]


class Change(NamedTuple):
    """Values for the one row of a table that has a key."""

    table: type[Base]
    key: Mapping[str, Any]
    values: Mapping[str, Any]


class Grow(NamedTuple):
    """Amounts to add to the one row of a table that has a key; it begins with zeros."""

    table: type[Base]
    key: Mapping[str, Any]
    more: Mapping[str, float]


class Place(NamedTuple):
    """Where a run's rows are, for a process elsewhere; without a password."""

    folder: Path
    url: str
    run_id: str


class Store:
    """One run's rows. Writes from coroutines are committed in groups by one thread; reads are ordinary."""

    def __init__(self, engine: sa.Engine, *, run_id: str, folder: Path) -> None:
        self.engine = engine
        self.run_id = run_id
        self.folder = folder
        self._jobs: queue.SimpleQueue[tuple[Callable[[sa.Connection], Any], Future[Any]] | None]
        self._jobs = queue.SimpleQueue()
        self._writer: threading.Thread | None = None

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with disk_errors(self.folder), Session(self.engine) as session, session.begin():
            yield session

    @property
    def place(self) -> Place:
        """What another process needs to open the same rows."""
        url = self.engine.url
        if url.database is not None and url.get_backend_name() == "sqlite":
            url = url.set(database=str(Path(url.database).resolve()))
        return Place(self.folder.resolve(), url._replace(password=None).render_as_string(), self.run_id)

    async def commit(self, *changes: Put | Change | Grow) -> tuple[int, ...]:
        """Commit changes together; returns how many rows each of them touched.

        They are data, not code, so that a process which does not write can hand them to the one that does.
        """
        return await self.write(lambda connection: tuple(self._apply(connection, change) for change in changes))

    def _apply(self, connection: sa.Connection, change: Put | Change | Grow) -> int:
        table = cast(sa.Table, change.table.__table__)
        insert = self.insert_new(table)
        if not isinstance(change, Put):
            values: Mapping[str, Any]
            if isinstance(change, Grow):
                connection.execute(insert, {**change.key, **dict.fromkeys(change.more, 0)})
                values = {name: table.c[name] + more for name, more in change.more.items()}
            else:
                values = change.values
            matches = [table.c[name] == value for name, value in change.key.items()]
            return connection.execute(sa.update(table).where(*matches).values(**values)).rowcount
        if not change.rows:
            return 0
        # A single row is counted by every driver.
        done = connection.execute(insert, change.rows[0] if len(change.rows) == 1 else change.rows)
        return int(done.rowcount)

    async def write(self, job: Callable[[sa.Connection], T]) -> T:
        """Run `job` on the writer's connection and return once its transaction is committed.

        Jobs of many coroutines share a commit: a commit costs a disk write, a job only microseconds.
        """
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_jobs, name="store-writer", daemon=True)
            self._writer.start()
        future: Future[T] = Future()
        self._jobs.put((job, future))
        # Shielded: a commit under way is finished and counted even when its coroutine is cancelled.
        return await asyncio.shield(asyncio.wrap_future(future))

    def insert_new(self, table: sa.Table) -> Any:
        """Build an INSERT that leaves rows already there alone."""
        # Each loads its drivers' dialects, and only one of them is wanted.
        if self.engine.dialect.name == "sqlite":
            from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415
        else:
            from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]  # noqa: PLC0415
        return insert(table).on_conflict_do_nothing()

    def close(self) -> None:
        """Finish pending writes and let go of the database."""
        if self._writer is not None:
            self._jobs.put(None)
            self._writer.join()
            self._writer = None
        self.engine.dispose()

    def _write_jobs(self) -> None:
        with self.engine.connect() as connection:
            while (first := self._jobs.get()) is not None:
                group = [first]
                last = False
                with contextlib.suppress(queue.Empty):
                    while len(group) < 256:
                        job = self._jobs.get_nowait()
                        if job is None:
                            last = True
                            break
                        group.append(job)
                self._commit(connection, group)
                if last:
                    return

    def _commit(
        self, connection: sa.Connection, group: Sequence[tuple[Callable[[sa.Connection], Any], Future[Any]]]
    ) -> None:
        outcomes: list[tuple[Any, Exception | None]]
        try:
            with disk_errors(self.folder):
                outcomes = _in_one_transaction(connection, [job for job, _ in group])
        except Exception as error:
            outcomes = [(None, error)] * len(group)
        for (_, future), (result, failure) in zip(group, outcomes, strict=True):
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)


def _in_one_transaction(
    connection: sa.Connection, jobs: Sequence[Callable[[sa.Connection], Any]]
) -> list[tuple[Any, Exception | None]]:
    """Do jobs and commit; one that breaks a constraint fails alone, any other error fails all.

    Two workers that put the same prompts in another order can lock each other out; the one PostgreSQL ends begins anew.
    """
    while True:
        outcomes: list[tuple[Any, Exception | None]] = []
        try:
            with connection.begin():
                for job in jobs:
                    savepoint = connection.begin_nested()
                    try:
                        result = job(connection)
                    except sa.exc.IntegrityError as error:
                        savepoint.rollback()
                        outcomes.append((None, error))
                    else:
                        savepoint.commit()
                        outcomes.append((result, None))
                    # Any other error ends the whole transaction; after a full disk SQLite has done so already.
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in STOOD_IN_THE_WAY:
                raise
        else:
            return outcomes


def open_store(folder: Path, *, url: str | None = None, create: bool = True) -> Store:
    """Open the run in `folder`; with `url`, its rows live in that database under the folder's name.

    The folder remembers the URL, so that only the first command has to give it. The password is not kept: the
    database's own client reads it from `PGPASSWORD` or `~/.pgpass`.

    Raises:
        CultureParkError: When there is no run and `create` is off, the folder cannot be written, the file is
            not a run database or was written by a newer version, or the rows live somewhere else than `url`.
    """
    database = folder / DATABASE
    kept = _kept_location(folder)
    if url is not None:
        _same_location(folder, kept, url)
    elif kept is not None:
        url = kept
    elif not create and not database.exists():
        raise CultureParkError(f"{folder}: there is no run here; `culturepark run --run {folder}` makes one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CultureParkError(f"{folder}: cannot make the run folder ({error.strerror})") from None
    engine = _engine(url or f"sqlite:///{database}")
    run_id = "run" if url is None else folder.resolve().name
    try:
        with disk_errors(folder):
            migrate(engine, place=str(folder))
    except CultureParkError:
        engine.dispose()
        raise
    if url is not None and kept is None:
        (folder / LOCATION).write_text(_without_password(url) + "\n", encoding="utf-8")
    return Store(engine, run_id=run_id, folder=folder)


def join_store(place: Place) -> Store:
    """Open rows that another process has made, beside it.

    Raises:
        CultureParkError: When they cannot be reached from here.
    """
    engine = _engine(place.url)
    try:
        with disk_errors(place.folder), engine.connect():
            pass
    except CultureParkError:
        engine.dispose()
        raise
    return Store(engine, run_id=place.run_id, folder=place.folder)


def is_shared(folder: Path, url: str | None) -> bool:
    """Whether a run's rows are in a database that other machines can reach, and not in the folder's own file."""
    kept = _kept_location(folder) if url is None else url
    return kept is not None and not kept.startswith("sqlite")


def migrate(
    engine: sa.Engine,
    *,
    place: str,
    migrations: Mapping[int, Sequence[str]] = MIGRATIONS,
    to: int = SCHEMA_VERSION,
) -> None:
    """Bring a database to version `to`, making the tables of every imported stage where they are missing."""
    with engine.begin() as connection:
        version = None
        if sa.inspect(connection).has_table(SchemaVersion.__tablename__):
            version = connection.scalar(sa.select(SchemaVersion.version))
        if version is not None and version > to:
            raise CultureParkError(
                f"{place}: written by a newer CulturePark (schema {version}, this one reads up to {to}); "
                "upgrade with `pip install --upgrade culturepark`"
            )
        for step in range(version or to, to):
            for statement in migrations[step]:
                connection.execute(sa.text(statement))
        Base.metadata.create_all(connection)
        if version != to:
            connection.execute(sa.delete(SchemaVersion))
            connection.execute(sa.insert(SchemaVersion).values(version=to))


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep a second pipeline stage off the folder while this one writes.

    Raises:
        CultureParkError: Names the process that holds the folder, or says that it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = (folder / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise CultureParkError(f"{folder}: cannot be written ({error.strerror}); choose another --run") from None
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            raise CultureParkError(
                f"{folder}: process {owner} is working on this run; wait for it or stop it first"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _kept_location(folder: Path) -> str | None:
    try:
        return (folder / LOCATION).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def _same_location(folder: Path, kept: str | None, url: str) -> None:
    """Keep one run's rows in one place."""
    if kept is None and (folder / DATABASE).exists():
        kept = DATABASE
    if kept is not None and kept != _without_password(url):
        raise CultureParkError(f"{folder}: this run's rows are in {kept}; leave out --store, or choose another --run")


def _without_password(url: str) -> str:
    try:
        return sa.make_url(url)._replace(password=None).render_as_string()
    except sa.exc.ArgumentError:
        return url.split("://", maxsplit=1)[0]  # `_engine` says what is wrong with it


def _engine(url: str) -> sa.Engine:
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
        scheme = url.split("://", maxsplit=1)[0]
        raise CultureParkError(
            f"--store {scheme}://…: {error}; PostgreSQL needs `pip install 'culturepark[postgres]'` and a URL "
            "such as postgresql+psycopg://user@host/database"
        ) from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own implicit BEGIN would come after a SAVEPOINT; SQLAlchemy's event sends it instead.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Say what a full disk, a read-only folder or a foreign file means in one line."""
    try:
        yield
    except sa.exc.OperationalError as error:
        cause = str(error.orig)
        if "full" in cause:
            raise CultureParkError(
                f"{folder}: the disk is full; everything before is saved; free space and run the same command"
            ) from None
        if "readonly" in cause or "unable to open" in cause:
            raise CultureParkError(f"{folder}: cannot be written ({cause}); choose another --run") from None
        if "locked" in cause:
            raise CultureParkError(
                f"{folder}: another program has locked {DATABASE}; close it and run the same command"
            ) from None
        if "I/O error" in cause:
            raise CultureParkError(
                f"{folder}: the disk cannot be written or read ({cause}); everything before is saved; see that there "
                "is space and no limit of file sizes (ulimit -f), and run the same command"
            ) from None
        raise CultureParkError(f"{folder}: the database cannot be used ({cause.strip()})") from None
    except sa.exc.DatabaseError as error:
        raise CultureParkError(
            f"{folder / DATABASE}: is not a CulturePark run ({error.orig}); choose another --run"
        ) from None
