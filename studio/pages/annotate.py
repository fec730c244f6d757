"""The blind rating sheet of `samples annotate`, one row at a time, for the keyboard."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any, Final, TypeVar

from culturepark.postprocess.annotate.rating import Standing, Work, answer_row, hand_in, load_work, standings
from culturepark.postprocess.annotate.sheet import ANSWERS, WORDS
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.read_only import looking
from culturepark.runtime.store import Store, open_store
from culturepark.studio.forms import form, lead_to
from culturepark.studio.page import Visit, address
from culturepark.studio.tags import Tag, empty

PATH: Final = "/run/{run}/annotate"
T = TypeVar("T")
ASKED: Final[Mapping[str, str]] = {
    "tie": "What ties you to these people?",
    "authenticity": "Would somebody from there say this?",
    "stance": "Which answer to the question does the text speak for?",
    "stereotype": "Does it lean on a cliché about the people?",
    "same": "Do both say the same? Only if nothing would be lost by keeping one.",
}
MEANING: Final[Mapping[str, str]] = {
    "1": "1 nobody would", "2": "2 hardly", "3": "3 may be", "4": "4 likely", "5": "5 I know people who do",
}  # fmt: skip
KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "tie": dict(zip(WORDS["tie"], "12345", strict=True)),
    "authenticity": {word: word for word in WORDS["authenticity"]},
    "stance": {"below": "b", "mid": "m", "above": "a", "unsure": "u", "cannot tell": "c"},
    "stereotype": {"yes": "y", "no": "n"},
    "same": {"same": "s", "different": "d"},
}
"""The key of each answer; those of one row differ."""


async def draw(visit: Visit) -> None:
    """Who rates, or where the address says so, that rater's next row."""
    run = visit.run
    if "sheet" in visit.query:
        sheet, rater = visit.query["sheet"], visit.query.get("rater", "")

        def read() -> Work:
            with looking(run) as store:
                return load_work(store, sheet, rater)

        _Desk(visit, await asyncio.to_thread(read)).show_next()
        return

    def all_of_them() -> list[Standing]:
        with looking(run) as store:
            return standings(store)

    found = await asyncio.to_thread(all_of_them)
    if not found:
        empty(
            "No sheet was given out in this run.",
            then="Draw one for two or more people; it can be filled in here or in a spreadsheet program:",
            command=f"culturepark samples annotate sheet --run {run} --raters anna,ben --out sheets",
        )
        return
    Tag("p", "Everybody rates alone. Do not talk about the rows before all are done.")
    with Tag("div", classes="cards"):
        for one in found:
            _card(visit, one)


def _card(visit: Visit, one: Standing) -> None:
    with Tag("article", classes="card", aria_label=f"{one.rater}, sheet {one.sheet}"):
        Tag("h2", one.rater)
        Tag("p", f"sheet {one.sheet}", classes="muted small mono")
        Tag("p", f"{one.answered} of {one.rows} rows" + (", handed in" if one.handed_in else ""))
        if not one.handed_in:
            here = address(PATH, run=visit.params["run"], query={"sheet": one.sheet, "rater": one.rater})
            Tag("a", "Go on" if one.answered else "Begin", classes="button", href=here)


class _Desk:
    """Where one rater sits."""

    def __init__(self, visit: Visit, work: Work) -> None:
        self._visit = visit
        self._work = work
        self._wrong = Tag("div", role="alert")
        self._stage = Tag("div", classes="lesson")

    def show_next(self, after: int = -1) -> None:
        """The next open row, those after the given one first; without any, the end."""
        places = self._work.open
        self._show(next((place for place in places if place > after), places[0] if places else None))

    def _show(self, place: int | None) -> None:
        self._wrong.clear()
        self._stage.clear()
        with self._stage:
            if self._work.handed_in:
                self._done("These ratings are in the run. Thank you.")
            elif place is None:
                self._end()
            else:
                self._row(place)
        lead_to(self._stage, "step")

    def _row(self, place: int) -> None:
        row, total = self._work.rows[place], len(self._work.rows)
        done = total - len(self._work.open)
        Tag("progress", classes="bar", value=str(done), max=str(total), aria_label="Rows answered")
        with Tag("section", classes="card", aria_labelledby="step"):
            Tag("h2", f"Row {place + 1} of {total}", id="step", tabindex="-1")
            Tag("p", row["people"], classes="muted")
            if row["kind"] != "tie":
                Tag("p", row["question"], dir="auto")
                Tag("p", row["scale"], classes="muted small")
                for text in filter(None, (row["text"], row["other_text"])):
                    Tag("blockquote", text, classes="rated-text", dir="auto", lang=row["language"])
            with form(partial(self._doing, self._answer, place), classes="stack"):
                for name in ANSWERS[row["kind"]]:
                    _radios(name, self._work.answers.get(row["item"], {}).get(name))
                with Tag("div", classes="row"):
                    save = Tag("button", "Save and go on", classes="button primary", type="submit", data_press="Enter")
                    _key(save, "Enter")
                    self._step("Back", "k", place - 1)
                    self._step("Skip", "j", place + 1)

    def _step(self, words: str, key: str, to: int) -> None:
        there = 0 <= to < len(self._work.rows)
        step = Tag("button", words, classes="button", type="button", data_press=key, disabled=not there)
        _key(step, key)
        step.on("click", lambda: self._show(to))

    def _end(self) -> None:
        with Tag("section", classes="card"):
            Tag("h2", "Every row is answered", id="step", tabindex="-1")
            Tag("p", "Handed in, the answers cannot be changed here any more.")
            with form(partial(self._doing, self._hand_in, 0), classes="row"):
                send = Tag("button", "Hand in", classes="button primary", type="submit", data_press="Enter")
                _key(send, "Enter")
                self._step("Back", "k", len(self._work.rows) - 1)

    def _done(self, words: str) -> None:
        with Tag("section", classes="card"):
            Tag("h2", "Handed in", id="step", tabindex="-1")
            Tag("p", words)
            Tag("a", "All raters", classes="button", href=address(PATH, run=self._visit.params["run"]))

    def _answer(self, store: Store, place: int, said: Mapping[str, str]) -> None:
        answer_row(store, self._work, place, said)

    def _hand_in(self, store: Store, _place: int, _said: Mapping[str, str]) -> None:
        hand_in(store, load_work(store, self._work.sheet.id, self._work.rater))

    async def _doing(
        self, work: Callable[[Store, int, Mapping[str, str]], None], place: int, fields: dict[str, Any]
    ) -> None:
        """One short transaction; then the next row."""
        said = {name: str(value) for name, value in fields.items()}

        def do() -> Work:
            with closing(open_store(self._visit.run, create=False)) as store:
                work(store, place, said)
                return load_work(store, self._work.sheet.id, self._work.rater)

        self._wrong.clear()
        try:
            self._work = await asyncio.to_thread(do)
        except CultureParkError as error:
            with self._wrong:
                Tag("p", str(error), classes="refused")
            return
        self.show_next(place)


def _radios(name: str, chosen: str | None) -> None:
    with Tag("fieldset", classes="rate"):
        Tag("legend", ASKED[name])
        for word in WORDS[name]:
            key = KEYS[name][word]
            with Tag("label"):
                Tag("input", type="radio", name=name, value=word, required=True, checked=word == chosen, data_press=key)
                Tag("span", MEANING[word] if name == "authenticity" else word)
                Tag("kbd", key, aria_hidden="true")


def _key(button: Tag, key: str) -> None:
    with button:
        Tag("kbd", key, aria_hidden="true")
