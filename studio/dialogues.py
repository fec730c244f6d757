"""A page of a run's talks: filtered and cut in the database, so that 50 000 are as quick as 50."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, cast

import sqlalchemy as sa

from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.read_only import looking, stamp
from culturepark.runtime.store import Store
from culturepark.simulation.selection import STATUSES
from culturepark.simulation.talk_rows import TalkRow, TurnRow
from culturepark.simulation.talks import load_transcripts
from culturepark.simulation.transcript import Transcript

PAGE_SIZE: Final = 50
AROUND: Final = 48
"""Characters shown on either side of a word that was searched for."""
_TALKS = cast(sa.Table, TalkRow.__table__)
_TURNS = cast(sa.Table, TurnRow.__table__)


class Filter(NamedTuple):
    """What is looked for; empty words select everything."""

    culture: str = ""
    question: str = ""
    protocol: str = ""
    status: str = ""
    text: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Filter":
        """Read the words of an address.

        Raises:
            CultureParkError: For a status that no talk can have.
        """
        found = cls(**{name: query.get(name, "").strip() for name in cls._fields})
        if found.status and found.status not in STATUSES:
            raise unknown("status", found.status, STATUSES)
        return found


class Choices(NamedTuple):
    """What a run can be filtered by."""

    cultures: tuple[str, ...]
    questions: tuple[str, ...]
    protocols: tuple[str, ...]
    statuses: tuple[str, ...]


class TalkLine(NamedTuple):
    """A line of the table."""

    talk: Transcript
    found: tuple[str, str, str] | None
    """Where the text was searched for: before it, it, and after it."""

    @property
    def flagged(self) -> int:
        """Turns that the checks object to."""
        return sum(bool(turn.flags) for turn in self.talk.turns)


class DialoguePage(NamedTuple):
    """One page of the table."""

    lines: tuple[TalkLine, ...]
    total: int
    """Talks that fit."""
    number: int
    """Of the page, from 1."""
    pages: int


def choices(run: Path) -> Choices:
    """What there is to filter by."""
    return _choices(run, stamp(run))


def page_of(run: Path, wanted: Filter, *, number: int = 1, size: int = PAGE_SIZE) -> DialoguePage:
    """Read one page of the talks that fit, in the order of the plan.

    Raises:
        CultureParkError: For a page that there is not.
    """
    ids = _fitting(run, stamp(run), wanted)
    pages = max(1, -(-len(ids) // size))
    if not 1 <= number <= pages:
        raise CultureParkError(f"there is no page {number} of these {len(ids)} talks; the last is {pages}")
    shown = ids[(number - 1) * size : number * size]
    with looking(run) as store:
        talks = load_transcripts(store, ids=shown)
    lines = tuple(TalkLine(talk, _around(talk, wanted.text)) for talk in talks)
    return DialoguePage(lines, len(ids), number, pages)


@lru_cache(maxsize=8)
def _choices(run: Path, _stamp: str) -> Choices:
    with looking(run) as store, store.engine.connect() as connection:

        def distinct(column: sa.Column[str]) -> list[str]:
            query = sa.select(column).where(_TALKS.c.run_id == store.run_id).distinct()
            return sorted(value for value in connection.scalars(query) if value)

        cultures = sorted({culture for joined in distinct(_TALKS.c.cultures) for culture in joined.split("+")})
        found = (distinct(column) for column in (_TALKS.c.question, _TALKS.c.protocol, _TALKS.c.status))
        return Choices(tuple(cultures), *(tuple(values) for values in found))


@lru_cache(maxsize=8)
def _fitting(run: Path, _stamp: str, wanted: Filter) -> tuple[str, ...]:
    """Ids of all talks that fit: 50 000 of them are 5 MB, and turning a page needs no second search."""
    with looking(run) as store, store.engine.connect() as connection:
        query = sa.select(_TALKS.c.id).where(_TALKS.c.run_id == store.run_id, *_conditions(wanted))
        if wanted.text:
            query = query.where(_TALKS.c.id.in_(_saying(store, wanted.text)))
        return tuple(connection.scalars(query.order_by(_TALKS.c.position, _TALKS.c.id)))


def _conditions(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    equal = {_TALKS.c.question: wanted.question, _TALKS.c.protocol: wanted.protocol, _TALKS.c.status: wanted.status}
    found: list[sa.ColumnElement[bool]] = [column == value for column, value in equal.items() if value]
    if wanted.culture:
        joined = sa.literal("+") + _TALKS.c.cultures + "+"
        found.append(joined.contains(f"+{wanted.culture}+", autoescape=True))
    return found


def _saying(store: Store, text: str) -> sa.Select[tuple[str]]:
    # SQLite's LIKE ignores the case of ASCII letters by itself.
    said = _TURNS.c.text.contains if store.engine.dialect.name == "sqlite" else _TURNS.c.text.icontains
    return sa.select(_TURNS.c.talk).where(_TURNS.c.run_id == store.run_id, said(text, autoescape=True)).distinct()


def _around(talk: Transcript, text: str) -> tuple[str, str, str] | None:
    """The first place where a text is said."""
    if not text:
        return None
    for turn in talk.turns:
        start = turn.text.lower().find(text.lower())
        if start >= 0:
            end = start + len(text)
            return turn.text[max(0, start - AROUND) : start], turn.text[start:end], turn.text[end : end + AROUND]
    return None
