"""The run database: one run is one folder with `run.db` and `study.yaml`, or rows of a shared PostgreSQL.

Every table carries the run's id, so both hold the same tables. Stages declare their own tables on `Base`.
"""

import asyncio
import contextlib
import fcntl
import os
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from itertools import islice
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
ROWS_AT_ONCE: Final = 500
"""Rows in memory together when many are written."""
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


class _Job(NamedTuple):
    """What the writer is to do, and who waits for it."""

    do: Callable[[sa.Connection], Any]
    done: "asyncio.Future[Any]"


class Store:
    """One run's rows. Writes from coroutines are committed in groups by one thread; reads are ordinary."""

    def __init__(self, engine: sa.Engine, *, run_id: str, folder: Path) -> None:
        self.engine = engine
        self.run_id = run_id
        self.folder = folder
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._reader: sa.Connection | None = None
        self._reading = threading.Lock()

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

    def look_up(self, query: sa.Select[Any], values: Mapping[str, Any]) -> Any:
        """First value of the first row, or None; asked of the driver itself, over a connection that is kept for this.

        Every request begins with such a question, and SQLAlchemy takes twenty times as long over it as SQLite. The
        connection begins no transaction, so that each answer is of what is committed by then.
        """
        asked = _asked(query, self.engine.dialect)
        with self._reading:
            try:
                if self._reader is None:
                    self._reader = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                    self._reader.detach()  # the pool's connections keep the isolation that they were prepared with
                cursor = self._reader.connection.cursor()
                cursor.execute(asked.sql, asked.given(values))
                row = cursor.fetchone()
                cursor.close()
            except self.engine.dialect.loaded_dbapi.Error:
                self._stop_reading()  # gone, perhaps with its server; one of the pool's knows, or says what is wrong
                with self.engine.connect() as connection:
                    return connection.scalar(query, values)
        return None if row is None else asked.read(row[0])

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    async def commit(self, *changes: Put | Change | Grow) -> tuple[int, ...]:
        """Commit changes together; returns how many rows each of them touched.

        They are data, not code, so that a process which does not write can hand them to the one that does.
        """
        return await self.write(lambda connection: tuple(self._apply(connection, change) for change in changes))

    def _apply(self, connection: sa.Connection, change: Put | Change | Grow) -> int:
        table = cast(sa.Table, change.table.__table__)
        if isinstance(change, Put):
            if not change.rows:
                return 0
            # A single row is counted by every driver.
            rows = change.rows[0] if len(change.rows) == 1 else change.rows
            return int(connection.execute(self.insert_new(table), rows).rowcount)
        if isinstance(change, Grow):
            connection.execute(self.insert_new(table), {**change.key, **dict.fromkeys(change.more, 0)})
            values, update = change.more, _update(table, tuple(change.key), tuple(change.more), grows=True)
        else:
            values, update = change.values, _update(table, tuple(change.key), tuple(change.values), grows=False)
        named = {f"key_{name}": value for name, value in change.key.items()}
        named |= {f"new_{name}": value for name, value in values.items()}
        return connection.execute(update, named).rowcount

    async def write(self, job: Callable[[sa.Connection], T]) -> T:
        """Run `job` on the writer's connection and return once its transaction is committed.

        Jobs of many coroutines share a commit: a commit costs a disk write, a job only microseconds.
        """
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_jobs, name="store-writer", daemon=True)
            self._writer.start()
        # A job is done and counted even when the coroutine that waits for it is cancelled.
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(job, done))
        return await done

    def insert_new(self, table: sa.Table) -> Any:
        """Build an INSERT that leaves rows already there alone."""
        return _insert_new(table, self.engine.dialect.name)

    def close(self) -> None:
        """Finish pending writes and let go of the database."""
        if self._writer is not None:
            self._jobs.put(None)
            self._writer.join()
            self._writer = None
        self._stop_reading()
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

    def _commit(self, connection: sa.Connection, group: Sequence[_Job]) -> None:
        outcomes: Sequence[_Outcome]
        try:
            with disk_errors(self.folder):
                outcomes = _in_one_transaction(connection, [job.do for job in group])
        except Exception as error:
            outcomes = [_Outcome(None, error)] * len(group)
        waiting: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], _Outcome]]] = defaultdict(list)
        for job, outcome in zip(group, outcomes, strict=True):
            waiting[job.done.get_loop()].append((job.done, outcome))
        for loop, told in waiting.items():
            # Once for the whole group: to wake a loop is a system call. One that is closed waits for nothing any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, told)


class _Outcome(NamedTuple):
    """What a job returned or why it failed."""

    result: Any
    failure: Exception | None


def _tell(told: Sequence[tuple["asyncio.Future[Any]", _Outcome]]) -> None:
    for done, (result, failure) in told:
        if done.cancelled():
            continue
        if failure is None:
            done.set_result(result)
        else:
            done.set_exception(failure)


def _in_one_transaction(
    connection: sa.Connection, jobs: Sequence[Callable[[sa.Connection], Any]]
) -> Sequence[_Outcome]:
    """Do jobs and commit; one that breaks a constraint fails alone, any other error fails all.

    Nearly never does one break a constraint, so they are done without savepoints first; if one does, all begin anew.
    Two workers that put the same prompts in another order can lock each other out; the one PostgreSQL ends begins anew.
    """
    apart = False
    while True:
        try:
            with connection.begin():
                return [_apart(connection, job) if apart else _Outcome(job(connection), None) for job in jobs]
        except sa.exc.IntegrityError:
            if apart:
                raise
            apart = True
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in STOOD_IN_THE_WAY:
                raise


def _apart(connection: sa.Connection, job: Callable[[sa.Connection], Any]) -> _Outcome:
    """Do a job in a savepoint of its own.

    Only a broken constraint is its own fault. Any other error ends the whole transaction; after a full disk SQLite has
    done so already.
    """
    savepoint = connection.begin_nested()
    try:
        result = job(connection)
    except sa.exc.IntegrityError as error:
        savepoint.rollback()
        return _Outcome(None, error)
    savepoint.commit()
    return _Outcome(result, None)


class _Asked(NamedTuple):
    """A query as the database's driver takes it."""

    sql: str
    places: Sequence[str] | None
    """Names of the parameters in order; None where the driver takes them by name."""
    read: Callable[[Any], Any]
    """From what the driver gives to the value."""

    def given(self, values: Mapping[str, Any]) -> Any:
        """The parameters as the driver takes them."""
        return values if self.places is None else tuple(values[name] for name in self.places)


@lru_cache(maxsize=16)
def _asked(query: sa.Select[Any], dialect: sa.Dialect) -> _Asked:
    compiled: Any = query.compile(dialect=dialect)
    (column,) = query.selected_columns
    read = column.type.dialect_impl(dialect).result_processor(dialect, None)
    return _Asked(compiled.string, compiled.positiontup, read or (lambda found: found))


@lru_cache(maxsize=256)  # to build a statement, and to recognise it as one compiled before, takes longer than to run it
def _insert_new(table: sa.Table, dialect: str) -> Any:
    # By name: each dialect loads those of its drivers, and only one of them is wanted.
    insert = import_module(f"sqlalchemy.dialects.{dialect}").insert(table).on_conflict_do_nothing()
    return insert.execution_options(preserve_rowcount=True)  # else PostgreSQL's count of new rows is thrown away


@lru_cache(maxsize=256)
def _update(table: sa.Table, key: tuple[str, ...], columns: tuple[str, ...], *, grows: bool) -> sa.Update:
    """Set columns of the row with a key, or add to them: parameters `key_…` and `new_…`."""
    matches = [table.c[name] == sa.bindparam(f"key_{name}") for name in key]
    new: dict[str, Any] = {name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in columns}
    if grows:
        new = {name: table.c[name] + more for name, more in new.items()}
    return sa.update(table).where(*matches).values(new)


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write new rows inside the caller's transaction, some at once, as they are made."""
    left = iter(rows)
    while some := list(islice(left, ROWS_AT_ONCE)):
        connection.execute(sa.insert(table), some)


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
