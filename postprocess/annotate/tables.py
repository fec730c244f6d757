"""Sheets, raters and ratings of a run in the store."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Literal, cast

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.orm import Mapped, mapped_column

from culturepark.personas.question import Side
from culturepark.postprocess.annotate.items import Item
from culturepark.postprocess.opinion import Opinion
from culturepark.runtime.hashing import content_id
from culturepark.runtime.record import Record
from culturepark.runtime.store import Base, CommittedReply, Store

Tie = Literal["grew up there", "lived there", "family from there", "studied it", "none"]
StanceRead = Side | Literal["cannot tell"]
VERIFY: Final = "verify"
"""Purpose of the judge's requests in the ledger."""
LOOKED_AT: Final = 50


class Sheet(Record):
    """What was given out."""

    id: str
    seed: int
    raters: tuple[str, ...]
    items: tuple[Item, ...]


class Rating(Record):
    """What one rater says of one item."""

    sheet: str
    item: str
    rater: str
    authenticity: int | None = Field(default=None, ge=1, le=5)
    """Of an opinion: 1 nobody there would say it, 5 I know people who do."""
    stance: StanceRead | None = None
    """Of an opinion: the side of the scale it speaks for."""
    stereotype: bool | None = None
    same: bool | None = None
    """Of a pair: whether both say the same."""


class Returned(Record):
    """A sheet that a rater filled in."""

    sheet: str
    rater: str
    ties: dict[str, Tie]
    """By culture, as the rater declared it."""
    ratings: tuple[Rating, ...]


class SheetRow(Base):
    """A sheet that was given out."""

    __tablename__ = "rating_sheets"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    seed: Mapped[int]
    raters: Mapped[list[str]] = mapped_column(sa.JSON)


class ItemRow(Base):
    """One item of a sheet: the key to it."""

    __tablename__ = "rating_items"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    sheet: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    item: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


class RaterRow(Base):
    """A rater whose sheet came back."""

    __tablename__ = "raters"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    sheet: Mapped[str] = mapped_column(primary_key=True)
    rater: Mapped[str] = mapped_column(primary_key=True)
    ties: Mapped[dict[str, str]] = mapped_column(sa.JSON)


class RatingRow(Base):
    """One rating."""

    __tablename__ = "ratings"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    sheet: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    rater: Mapped[str] = mapped_column(primary_key=True)
    rating: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


class DraftRow(Base):
    """What a rater has answered so far of one row of a sheet that is filled in here."""

    __tablename__ = "rating_drafts"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    sheet: Mapped[str] = mapped_column(primary_key=True)
    rater: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    answers: Mapped[dict[str, str]] = mapped_column(sa.JSON)


_SHEETS = cast(sa.Table, SheetRow.__table__)
_ITEMS = cast(sa.Table, ItemRow.__table__)
_RATERS = cast(sa.Table, RaterRow.__table__)
_RATINGS = cast(sa.Table, RatingRow.__table__)
_DRAFTS = cast(sa.Table, DraftRow.__table__)
_REPLIES = cast(sa.Table, CommittedReply.__table__)


def make_sheet(items: Sequence[Item], raters: Sequence[str], *, seed: int) -> Sheet:
    """A sheet with its content id: the same items for the same raters are the same sheet."""
    return Sheet(
        id=content_id("a", [item.code for item in items]),
        seed=seed,
        raters=tuple(raters),
        items=tuple(items),
    )


def save_sheet(store: Store, sheet: Sheet) -> None:
    """Keep the key of a sheet; one that is there already stays, with its ratings."""
    run_id = store.run_id
    row = {"run_id": run_id, "id": sheet.id, "seed": sheet.seed, "raters": list(sheet.raters)}
    items = [
        {"run_id": run_id, "sheet": sheet.id, "code": item.code, "position": position, "item": item.model_dump()}
        for position, item in enumerate(sheet.items)
    ]
    with store.session() as session:
        session.execute(store.insert_new(_SHEETS), row)
        session.execute(store.insert_new(_ITEMS), items)


def load_sheets(store: Store) -> list[Sheet]:
    """Every sheet of the run, by id."""
    with store.engine.connect() as connection:
        sheets = connection.execute(_of(_SHEETS, store).order_by(_SHEETS.c.id)).mappings().all()
        items = connection.execute(_of(_ITEMS, store).order_by(_ITEMS.c.position)).mappings().all()
    return [
        Sheet(
            id=sheet["id"],
            seed=sheet["seed"],
            raters=tuple(sheet["raters"]),
            items=tuple(Item.model_validate(row["item"]) for row in items if row["sheet"] == sheet["id"]),
        )
        for sheet in sheets
    ]


def save_returned(store: Store, returned: Sequence[Returned]) -> None:
    """Keep filled-in sheets in one transaction, each in the place of what the rater had said of that sheet before.

    A draft of the same sheet is over with that.
    """
    run_id = store.run_id
    with store.session() as session:
        for one in returned:
            for table in (_RATERS, _RATINGS, _DRAFTS):
                session.execute(
                    sa.delete(table).where(
                        table.c.run_id == run_id, table.c.sheet == one.sheet, table.c.rater == one.rater
                    )
                )
            row = {"run_id": run_id, "sheet": one.sheet, "rater": one.rater, "ties": dict(one.ties)}
            session.execute(sa.insert(_RATERS), row)
            session.execute(
                sa.insert(_RATINGS),
                [
                    {
                        "run_id": run_id,
                        "sheet": one.sheet,
                        "item": rating.item,
                        "rater": one.rater,
                        "rating": rating.model_dump(),
                    }
                    for rating in one.ratings
                ],
            )


def load_returned(store: Store) -> list[Returned]:
    """Every sheet that came back, by sheet and rater."""
    with store.engine.connect() as connection:
        raters = connection.execute(_of(_RATERS, store).order_by(_RATERS.c.sheet, _RATERS.c.rater)).mappings().all()
        ratings = connection.execute(_of(_RATINGS, store).order_by(_RATINGS.c.item)).mappings().all()
    return [
        Returned(
            sheet=row["sheet"],
            rater=row["rater"],
            ties=row["ties"],
            ratings=tuple(
                Rating.model_validate(one["rating"])
                for one in ratings
                if (one["sheet"], one["rater"]) == (row["sheet"], row["rater"])
            ),
        )
        for row in raters
    ]


def save_draft(store: Store, sheet: str, rater: str, item: str, answers: Mapping[str, str]) -> None:
    """Keep a rater's answers to one row, in the place of those before."""
    key = {"run_id": store.run_id, "sheet": sheet, "rater": rater, "item": item}
    with store.session() as session:
        session.execute(sa.delete(_DRAFTS).where(*(_DRAFTS.c[name] == value for name, value in key.items())))
        session.execute(sa.insert(_DRAFTS), {**key, "answers": dict(answers)})


def load_draft(store: Store, sheet: str, rater: str) -> dict[str, dict[str, str]]:
    """A rater's answers so far, by item."""
    query = _of(_DRAFTS, store).where(_DRAFTS.c.sheet == sheet, _DRAFTS.c.rater == rater).order_by(_DRAFTS.c.item)
    with store.engine.connect() as connection:
        return {row["item"]: row["answers"] for row in connection.execute(query).mappings()}


def delete_items(connection: sa.Connection, run_id: str, items: Mapping[str, Sequence[str]]) -> None:
    """Delete items, by sheet, with what was said of them, inside the caller's transaction."""
    for sheet, codes in items.items():
        ratings = sa.delete(_RATINGS).where(
            _RATINGS.c.run_id == run_id, _RATINGS.c.sheet == sheet, _RATINGS.c.item.in_(codes)
        )
        connection.execute(ratings)
        drafts = sa.delete(_DRAFTS).where(
            _DRAFTS.c.run_id == run_id, _DRAFTS.c.sheet == sheet, _DRAFTS.c.item.in_(codes)
        )
        connection.execute(drafts)
        keys = sa.delete(_ITEMS).where(_ITEMS.c.run_id == run_id, _ITEMS.c.sheet == sheet, _ITEMS.c.code.in_(codes))
        connection.execute(keys)


def judge_of(store: Store, opinions: Iterable[Opinion]) -> str | None:
    """Identity of the model that judged a refinement, several joined by ` + `; None when nothing was judged."""
    judged = islice((opinion for opinion in opinions if opinion.verdict is not None), LOOKED_AT)
    keys = [key for opinion in judged for key in opinion.requests]
    query = sa.select(_REPLIES.c.identity).where(
        _REPLIES.c.run_id == store.run_id, _REPLIES.c.key.in_(keys), _REPLIES.c.purpose == VERIFY
    )
    with store.engine.connect() as connection:
        return " + ".join(sorted(set(connection.scalars(query)))) or None


def _of(table: sa.Table, store: Store) -> sa.Select[Any]:
    return sa.select(table).where(table.c.run_id == store.run_id)
