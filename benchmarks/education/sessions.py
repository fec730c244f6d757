"""Lessons that are held here, in the run's database: each step is one short transaction of its own.

Nobody's lock is needed for it: a simulation may be writing and other lessons may be under way.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from culturepark.benchmarks.education.classroom import Classroom
from culturepark.benchmarks.education.lesson import Guess, Lesson, Rating
from culturepark.benchmarks.education.lots import lot
from culturepark.personas.question import Question
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.forget import empty_log, forget, load_prompts
from culturepark.runtime.hashing import seed_from
from culturepark.runtime.record import Record
from culturepark.runtime.store import Base, CommittedReply, Store

Step = Literal["before", "lesson", "after", "sheet", "done"]
LETTERS: Final = "bcdfghjkmnpqrstvwxz"
"""Of codes: no vowels, so no words, and no digits that are taken for letters."""
CODE_LETTERS: Final = 10
PURPOSE: Final = "lesson"
"""Of the chat's requests in the ledger."""
TRIES: Final = 20
"""Of taking the next place when others take it at the same moment."""


class Said(Record):
    """One utterance of the chat."""

    by: Literal["participant", "model"]
    text: str


class Session(Record):
    """A lesson under way. The chat stays here, and is in no export."""

    lesson: Lesson
    step: Step
    version: int = 0
    """Counts its changes: of two tabs that go on from the same one, the second is refused."""
    chat: tuple[Said, ...] = ()


class LessonRow(Base):
    """One lesson."""

    __tablename__ = "lessons"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    session: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


class LessonPlace(Base):
    """A place that was taken. It stays when the lesson is withdrawn, and does not say whose it was."""

    __tablename__ = "lesson_places"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    culture: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)


_REPLIES = cast(sa.Table, CommittedReply.__table__)
_LESSONS = cast(sa.Table, LessonRow.__table__)
_PLACES = cast(sa.Table, LessonPlace.__table__)


def begin(store: Store, classroom: Classroom, culture: str, *, consent: str) -> Session:
    """Begin a lesson: take the next place, and with it the lot.

    Args:
        store: The run's.
        classroom: As it is set up.
        culture: That the participant picked.
        consent: Version of the text that was agreed to; being of age was confirmed with it.

    Raises:
        CultureParkError: When the culture cannot be picked here.
    """
    chosen = classroom.culture(culture)
    forms = classroom.forms(chosen)
    drawn = lot(_take_place(store, culture), culture=culture, seed=classroom.seed)
    first, _ = forms.in_order(drawn.order)
    session = Session(
        lesson=Lesson(
            id="".join(secrets.choice(LETTERS) for _ in range(CODE_LETTERS)),
            consent=consent,
            adult=True,
            survey=classroom.survey,
            culture=culture,
            country=chosen.country,
            arm=drawn.arm,
            order=drawn.order,
            status="unfinished",
            before=_open(first),
        ),
        step="before",
    )
    with store.session() as connection:
        connection.execute(sa.insert(_LESSONS), _row(store, session))
    return session


def load_session(store: Store, code: str) -> Session:
    """Find a lesson by its code.

    Raises:
        CultureParkError: When there is none, or it was withdrawn.
    """
    query = sa.select(_LESSONS.c.session).where(_LESSONS.c.run_id == store.run_id, _LESSONS.c.id == code)
    with store.engine.connect() as connection:
        found = connection.scalar(query)
    if found is None:
        raise CultureParkError(f"there is no lesson with the code {code!r}; look for a slip, or it was withdrawn")
    return Session.model_validate(found)


def load_lessons(store: Store) -> list[Lesson]:
    """Every lesson of the run that was not withdrawn, by code."""
    query = sa.select(_LESSONS.c.session).where(_LESSONS.c.run_id == store.run_id).order_by(_LESSONS.c.id)
    with store.engine.connect() as connection:
        return [Session.model_validate(found).lesson for found in connection.scalars(query)]


def hand_in_first(store: Store, session: Session, guesses: Sequence[Guess]) -> Session:
    """Keep the first form."""
    return _go_on(store, session, "lesson", before=tuple(guesses))


def note_exchange(store: Store, session: Session, *, asked: str, answered: str) -> Session:
    """Keep what the participant wrote and the model answered.

    Raises:
        CultureParkError: When the lesson was withdrawn meanwhile; the reply is deleted, too.
    """
    chat = (*session.chat, Said(by="participant", text=asked), Said(by="model", text=answered))
    try:
        return _go_on(store, session, "lesson", chat=chat, exchanges=session.lesson.exchanges + 1)
    except CultureParkError:
        if not _is_there(store, session.lesson.id):
            _delete(store, session.lesson.id)
        raise


def end_lesson(store: Store, session: Session, classroom: Classroom) -> Session:
    """Go on to the second form; what was learned from is over."""
    forms = classroom.forms(classroom.culture(session.lesson.culture))
    return _go_on(store, session, "after", after=_open(forms.in_order(session.lesson.order)[1]))


def hand_in_second(store: Store, session: Session, guesses: Sequence[Guess]) -> Session:
    """Keep the second form."""
    return _go_on(store, session, "sheet", after=tuple(guesses))


def hand_in_sheet(store: Store, session: Session, ratings: Mapping[str, Rating | None]) -> Session:
    """Keep the satisfaction sheet: the lesson is complete."""
    return _go_on(store, session, "done", sheet=dict(ratings), status="complete")


def withdraw(store: Store, code: str) -> None:
    """Delete a lesson with its chat, in the ledger too.

    On SQLite the bytes are overwritten. The place it took stays taken, without a sign of whose it was.

    Raises:
        CultureParkError: When there is no such lesson.
    """
    load_session(store, code)
    _delete(store, code)


def chat_seed(code: str) -> int:
    """Seed of a lesson's requests. Equal words of two participants are two requests, each its participant's own."""
    return seed_from(PURPOSE, code) & 0x7FFFFFFF


def _delete(store: Store, code: str) -> None:
    """Delete what there is of a lesson."""
    asked = sa.select(_REPLIES.c.key, _REPLIES.c.settings).where(
        _REPLIES.c.run_id == store.run_id, _REPLIES.c.purpose == PURPOSE
    )
    with store.engine.connect() as connection:
        if store.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
            connection.commit()
        with connection.begin():
            # From here nobody else writes, so that no reply comes to need a message between the look and the deletion.
            connection.execute(sa.delete(_LESSONS).where(_LESSONS.c.run_id == store.run_id, _LESSONS.c.id == code))
            prompts = load_prompts(store)
            keys = {key for key, settings in connection.execute(asked) if settings["seed"] == chat_seed(code)}
            messages = prompts.chain(keys) - prompts.chain(prompts.replies.keys() - keys)
            forget(connection, store.run_id, keys=keys, messages=messages)
    empty_log(store)


def _is_there(store: Store, code: str) -> bool:
    query = sa.select(sa.func.count()).where(_LESSONS.c.run_id == store.run_id, _LESSONS.c.id == code)
    with store.engine.connect() as connection:
        return bool(connection.scalar(query))


def _take_place(store: Store, culture: str) -> int:
    """Take the next place of a culture, whoever else takes one meanwhile."""
    upto = sa.func.coalesce(sa.func.max(_PLACES.c.place) + 1, 0)
    mine = sa.select(sa.literal(store.run_id), sa.literal(culture), upto).where(
        _PLACES.c.run_id == store.run_id, _PLACES.c.culture == culture
    )
    take = store.insert_new(_PLACES).from_select(["run_id", "culture", "place"], mine).returning(_PLACES.c.place)
    for _ in range(TRIES):
        with store.session() as session:
            place = session.scalar(take)
        if place is not None:  # two at once meet on PostgreSQL; SQLite lets one wait
            return int(place)
    raise CultureParkError("too many lessons begin at this moment; begin again")


def _go_on(store: Store, session: Session, to: Step, *, chat: tuple[Said, ...] = (), **changes: Any) -> Session:
    """Keep a change of the lesson, if it still stands where the caller saw it.

    Raises:
        CultureParkError: When it went on in another tab, or was withdrawn.
    """
    found = Session(
        lesson=Lesson.model_validate(session.lesson.model_dump() | changes),
        step=to,
        version=session.version + 1,
        chat=chat or session.chat,
    )
    # The first statement writes, so that it waits for other writers; one that has read before would be refused.
    change = (
        sa.update(_LESSONS)
        .where(
            _LESSONS.c.run_id == store.run_id,
            _LESSONS.c.id == session.lesson.id,
            _LESSONS.c.version == session.version,
        )
        .values(_row(store, found))
    )
    with store.session() as writing:
        changed = cast("sa.CursorResult[Any]", writing.execute(change)).rowcount
    if not changed:
        raise CultureParkError("this lesson went on in another tab, or was withdrawn; open it again with its code")
    return found


def _row(store: Store, session: Session) -> dict[str, Any]:
    return {
        "run_id": store.run_id,
        "id": session.lesson.id,
        "version": session.version,
        "session": session.model_dump(mode="json"),
    }


def _open(questions: Sequence[Question]) -> tuple[Guess, ...]:
    """A form that nothing was written on yet."""
    return tuple(Guess(question=question.id) for question in questions)
