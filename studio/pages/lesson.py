"""A lesson about a culture for one person: consent, guesses, a chat or a table, guesses again, a sheet, the debrief.

Nothing else is on the page, and no way to anything else.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar

from nicegui import app

from culturepark.benchmarks.education.classroom import Classroom, load_classroom
from culturepark.benchmarks.education.forms import upper_words
from culturepark.benchmarks.education.lesson import Guess
from culturepark.benchmarks.education.materials import load_materials
from culturepark.benchmarks.education.sessions import (
    Session,
    begin,
    end_lesson,
    hand_in_first,
    hand_in_second,
    hand_in_sheet,
    load_session,
    withdraw,
)
from culturepark.benchmarks.education.tutor import MOST_CHARACTERS, Tutors, survey_table
from culturepark.runtime.budget import BudgetSettings
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.store import Store, open_store
from culturepark.simulation.saved import SAVED, load_saved
from culturepark.studio.forms import form, lead_to
from culturepark.studio.handed_in import agreed, guessed, rated
from culturepark.studio.page import Visit
from culturepark.studio.people import culture_dot
from culturepark.studio.tags import Tag, empty

T = TypeVar("T")
Fields = dict[str, Any]
STEPS: Final = ("before", "lesson", "after", "sheet", "done")
_tutors = Tutors()
app.on_shutdown(_tutors.close)


async def draw(visit: Visit) -> None:
    """Consent first; then whatever step the lesson is at."""
    Tag("h1", "A lesson about a country")
    classroom = await asyncio.to_thread(load_classroom, visit.run)
    if classroom is None:
        empty("The classroom is closed.", then="Ask who gave you this address.")
        return
    lesson(visit.run, classroom)


def lesson(run: Path, classroom: Classroom) -> None:
    """Draw the lesson where it is called."""
    saved = load_saved(run) if (run / SAVED).exists() else None
    _Desk(run, classroom, saved.budget if saved else BudgetSettings()).consent()


class _Desk:
    """Where one participant sits: what is on the page, and the lesson behind it."""

    def __init__(self, run: Path, classroom: Classroom, budget: BudgetSettings) -> None:
        self._run = run
        self._classroom = classroom
        self._budget = budget
        self._texts = load_materials()
        self._wrong = Tag("div", role="alert")
        self._stage = Tag("div", classes="lesson")
        self._finish: Tag | None = None

    def consent(self) -> None:
        """The first thing anybody sees."""
        consent = self._texts.consent
        self._stage.clear()
        with self._stage:
            with Tag("section", classes="card", aria_labelledby="step"):
                Tag("h2", consent.title, id="step", tabindex="-1")
                for text in consent.paragraphs:
                    Tag("p", text)
                if self._classroom.contact:
                    Tag("p", f"Questions and complaints: {self._classroom.contact}")
                Tag("p", f"Version {self._texts.version} of this text", classes="muted small")
                with form(self._doing(self._begin), classes="stack"):
                    for place, text in enumerate(consent.statements):
                        _tick(f"statement{place}", text)
                    _tick("adult", consent.adult)
                    with Tag("label", classes="field"):
                        Tag("span", "The country you want to learn about. Pick one that you know little of.")
                        with Tag("select", name="culture", required=True):
                            Tag("option", "", value="")
                            for name in sorted(self._classroom.cultures):
                                Tag("option", self._classroom.culture(name).country_name, value=name)
                    with Tag("div", classes="row"):
                        Tag("button", "Begin", classes="button primary", type="submit")
            with Tag("details", classes="card"):
                Tag("summary", "I have a lesson's code")
                with form(self._doing(self._return), classes="row again"):
                    with Tag("label", classes="field"):
                        Tag("span", "Code")
                        Tag("input", name="code", required=True, autocomplete="off", spellcheck="false")
                    Tag("button", "Go on", classes="button", type="submit")

    def _show(self, session: Session) -> None:
        """Draw the step that the lesson is at, and lead the reader there."""
        self._stage.clear()
        with self._stage:
            _progress(session)
            with Tag("section", classes="card", aria_labelledby="step"):
                {
                    "before": self._form,
                    "lesson": self._lesson,
                    "after": self._form,
                    "sheet": self._sheet,
                    "done": self._debrief,
                }[session.step](session)
            self._leave(session)
        lead_to(self._stage, "step")

    def _form(self, session: Session) -> None:
        lesson = session.lesson
        first = session.step == "before"
        country = self._classroom.culture(lesson.culture).country_name
        guesses = lesson.before if first else lesson.after
        Tag("h2", f"{country}: your guesses" if first else f"{country}: guess again", id="step", tabindex="-1")
        Tag(
            "p",
            f"Thousands of people were asked these questions. Guess how those in {country} answered, and leave open "
            "what you cannot guess." + ("" if first else " These are other questions than before."),
        )

        async def hand_in(fields: Fields) -> None:
            found = guessed(fields, [guess.question for guess in guesses])
            keep = hand_in_first if first else hand_in_second
            self._show(await self._kept(lambda store: keep(store, session, found)))

        with form(self._doing(hand_in), classes="stack"):
            for place, guess in enumerate(guesses):
                self._guess(place, guess, country)
            with Tag("div", classes="row"):
                Tag("button", "Hand in", classes="button primary", type="submit")

    def _guess(self, place: int, guess: Guess, country: str) -> None:
        question = self._classroom.asked.questions[guess.question]
        with Tag("fieldset", classes="guess"):
            with Tag("legend"):
                Tag("span", f"{place + 1}. {question.text['en']}")
            _number(f"share{place}", f"Of 100 people in {country}, how many answered {upper_words(question)}?")
            _number(
                f"spread{place}",
                "How far do they differ among themselves? 0: all answered alike. 100: half of them stand at each end.",
            )

    def _lesson(self, session: Session) -> None:
        country = self._classroom.culture(session.lesson.culture).country_name
        if session.lesson.arm == "survey_table":
            self._table(session, country)
        else:
            self._chat(session, country)

        async def finish(_fields: Fields) -> None:
            self._show(await self._kept(lambda store: end_lesson(store, session, self._classroom)))

        with form(self._doing(finish), classes="row finish"):
            self._finish = Tag("button", "I am done, go on", classes="button", type="submit")

    def _table(self, session: Session, country: str) -> None:
        culture = self._classroom.culture(session.lesson.culture)
        Tag("h2", f"{country}: how people answered", id="step", tabindex="-1")
        Tag("p", "Read for about a quarter of an hour. You cannot come back to it afterwards.")
        with Tag("div", classes="wide", tabindex="0", role="region", aria_label="Answers"), Tag("table"):
            with Tag("thead"), Tag("tr"):
                Tag("th", "question", scope="col")
                Tag("th", "answers, in percent of the people", scope="col")
            with Tag("tbody"):
                for line in survey_table(self._classroom.asked, culture):
                    with Tag("tr"):
                        Tag("th", line.text, scope="row")
                        with Tag("td"):
                            for label, share in line.shares:
                                Tag("span", f"{label}: {100 * share:.0f}", classes="share")

    def _chat(self, session: Session, country: str) -> None:
        Tag("h2", f"{country}: ask what you want to know", id="step", tabindex="-1")
        Tag("p", "A computer program answers. Take about a quarter of an hour, and write at least five times.")
        with Tag("div", classes="lesson-chat", role="log", aria_label="Chat", tabindex="0"):
            for one in session.chat:
                with Tag("div", classes=f"by-{one.by}"):
                    Tag("span", "You" if one.by == "participant" else "Program", classes="small muted")
                    Tag("p", one.text or "(it wrote nothing)", dir="auto")

        async def send(fields: Fields) -> None:
            self._wait(sender, waiting, True)
            try:
                with closing(await asyncio.to_thread(open_store, self._run, create=False)) as store:
                    found = await _tutors.exchange(
                        store, self._classroom, session, str(fields.get("text", "")), budget=self._budget
                    )
            finally:
                self._wait(sender, waiting, False)
            self._show(found)
            lead_to(self._stage, "message")

        with form(self._doing(send), classes="stack"):
            with Tag("label", classes="field"):
                Tag("span", "Your message. No names, please.")
                Tag("textarea", name="text", id="message", rows="3", maxlength=str(MOST_CHARACTERS), required=True)
            with Tag("div", classes="row"):
                sender = Tag("button", "Send", classes="button primary", type="submit")
                waiting = Tag("span", "The program is writing …", classes="muted", role="status")
                waiting.set_visibility(False)

    def _wait(self, sender: Tag, waiting: Tag, on: bool) -> None:
        """Show that an answer is awaited; nothing can be sent or ended meanwhile."""
        for control in filter(None, (sender, self._finish)):
            control.props["disabled"] = on
            control.update()
        waiting.set_visibility(on)

    def _sheet(self, session: Session) -> None:
        sheet = self._texts.sheet
        Tag("h2", "How was it?", id="step", tabindex="-1")

        async def hand_in(fields: Fields) -> None:
            ratings = rated(fields, sheet)
            self._show(await self._kept(lambda store: hand_in_sheet(store, session, ratings)))

        with form(self._doing(hand_in), classes="stack"):
            for item, text in sheet.items.items():
                with Tag("fieldset", classes="rate"):
                    Tag("legend", text)
                    for point, label in enumerate(sheet.labels, start=1):
                        with Tag("label"):
                            Tag("input", type="radio", name=item, value=str(point))
                            Tag("span", f"{point} {label}")
            with Tag("div", classes="row"):
                Tag("button", "Hand in", classes="button primary", type="submit")

    def _debrief(self, _session: Session) -> None:
        Tag("h2", "Thank you", id="step", tabindex="-1")
        for text in self._texts.debrief:
            Tag("p", text)

    def _leave(self, session: Session) -> None:
        """The code, and the way out, on every step."""
        code = session.lesson.id

        async def delete(_fields: Fields) -> None:
            await self._kept(lambda store: withdraw(store, code))
            self._stage.clear()
            with self._stage, Tag("section", classes="card"):
                Tag("h2", "You have withdrawn", id="step", tabindex="-1")
                Tag("p", "Your lesson and your chat are deleted. Nothing else has to be done.")
            lead_to(self._stage, "step")

        with Tag("section", classes="card", aria_label="Your lesson's code"):
            with Tag("p"):
                Tag("span", "Your lesson's code: ")
                Tag("strong", code, classes="mono", data_code=True)
            Tag("p", "Keep it: with it alone you can go on later, or withdraw.", classes="muted small")
            with Tag("details"):
                Tag("summary", "Stop and withdraw")
                with form(self._doing(delete), classes="row again"):
                    Tag("span", "This deletes your guesses, your answers and your chat.")
                    Tag("button", "Delete my lesson", classes="button", type="submit")

    async def _begin(self, fields: Fields) -> None:
        culture = agreed(fields, self._texts.consent)
        version = self._texts.version
        self._show(await self._kept(lambda store: begin(store, self._classroom, culture, consent=version)))

    async def _return(self, fields: Fields) -> None:
        code = str(fields.get("code", "")).strip().lower()
        self._show(await self._kept(lambda store: load_session(store, code)))

    async def _kept(self, work: Callable[[Store], T]) -> T:
        """One short transaction of this lesson's own."""

        def do() -> T:
            with closing(open_store(self._run, create=False)) as store:
                return work(store)

        return await asyncio.to_thread(do)

    def _doing(self, work: Callable[[Fields], Awaitable[None]]) -> Callable[[Fields], Awaitable[None]]:
        """Do what a form asks for; say in one line why not, and leave the page as it is."""

        async def doing(fields: Fields) -> None:
            self._wrong.clear()
            try:
                await work(fields)
            except CultureParkError as error:
                with self._wrong:
                    Tag("p", str(error), classes="refused")

        return doing


def _progress(session: Session) -> None:
    at = STEPS.index(session.step)
    with Tag("p", classes="muted row between"):
        culture_dot(session.lesson.culture)
        Tag("span", f"step {at + 1} of {len(STEPS)}")


def _tick(name: str, text: str) -> None:
    with Tag("label", classes="tick"):
        Tag("input", type="checkbox", name=name, required=True)
        Tag("span", text)


def _number(name: str, text: str) -> None:
    with Tag("label", classes="field"):
        Tag("span", text)
        Tag("input", type="number", name=name, min="0", max="100", step="1", inputmode="numeric", autocomplete="off")
