"""One talk: read, stepped through, followed while it is held; from a quote to its verdict and its sample."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from nicegui import ui

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.read_only import looking
from culturepark.simulation.transcript import Transcript
from culturepark.studio.fate import Fate, load_fate
from culturepark.studio.fields import button
from culturepark.studio.forking import offered
from culturepark.studio.jobs import JOBS, Job
from culturepark.studio.opinion_card import opinion_card
from culturepark.studio.overview import is_busy
from culturepark.studio.page import Page, Visit, address
from culturepark.studio.pages.fork_form import fork_form, verification, verified
from culturepark.studio.palette import tint
from culturepark.studio.people import initial
from culturepark.studio.tags import Tag, shown
from culturepark.studio.talk_elements import StancesElement, TalkElement
from culturepark.studio.transcript import Said, changed, load_said, statement, talk_view, topic
from culturepark.studio.words import protocol_name

PATH = "/run/{run}/talk/{talk}"
T = TypeVar("T")
EVERY = 0.7
"""Seconds between two looks at a talk under way."""


async def draw(visit: Visit) -> None:
    """The talk, and beside it who sits there, their stances, and what was found in a quote."""
    run, name = visit.run, visit.params["talk"]

    def read() -> Read:
        with looking(run) as store:
            said = load_said(store, name)
        held = JOBS.of(run, said.talk.id)
        going = said.talk.status == "planned" and ((held is not None and held.running) or is_busy(run))
        return Read(said, going, held.error if held is not None and not going else None)

    job = JOBS.of(run, name)
    try:
        now = await asyncio.to_thread(read)
    except CultureParkError:
        if job is None:
            raise
        _wait_for(job, read)
        return
    _heading(visit, now.said.talk)
    with Tag("div", classes="reading"):
        with Tag("section", aria_label="Talk"):
            view = talk_view(now.said, under_way=now.going)
            element = TalkElement(view)
            ended = Tag("div", role="status")
        with Tag("aside", classes="stack beside", aria_label="About the talk"):
            beside = Tag("section", classes="card", aria_label="Opinion, fork or check", aria_live="polite")
            _people(now.said.talk)
            with Tag("section", classes="card", aria_label="Stances over turns") as charts:
                Tag("h2", "Stances over turns")
                lines = StancesElement(view)
            charts.set_visibility(bool(view.lines))
    aside = _Aside(visit, now.said.talk, element, beside)
    aside.rest(quotes=bool(now.said.opinions))

    def show(read: Read) -> None:
        state = talk_view(read.said, under_way=read.going)
        element.show(state)
        lines.show(state)
        ended.clear()
        with ended:
            _ending(read)

    async def follow() -> None:
        nonlocal now
        latest = await asyncio.to_thread(read)
        if latest != now:
            now = latest
            show(now)
        if not now.going:
            timer.deactivate()

    show(now)
    element.on("pick", lambda event: aside.pick(str(event.args)))
    element.on("fork", lambda event: aside.fork(int(event.args)))
    with ended:
        timer = ui.timer(EVERY, follow, immediate=False, active=now.going)


class Read(NamedTuple):
    """A talk as it stands."""

    said: Said
    going: bool
    """Whether it is being held."""
    error: str | None
    """Why this studio stopped holding it."""


class _Aside:
    """The card beside the talk: an opinion, a fork's form, or what verifying found."""

    def __init__(self, visit: Visit, talk: Transcript, element: TalkElement, card: Tag) -> None:
        self._visit = visit
        self._talk = talk
        self._element = element
        self._card = card
        self._quotes = False

    def rest(self, *, quotes: bool | None = None) -> None:
        """Say what can be done."""
        self._quotes = self._quotes if quotes is None else quotes
        self._card.clear()
        with self._card:
            _how_to_read(view_has_quotes=self._quotes)
            with Tag("div", classes="row spaced"):
                if self._talk.turns and self._talk.question is not None:
                    fork = button("Fork …")
                    fork.on("click", lambda: self.fork(len(self._talk.turns) - 1))
                button("Verify").on("click", self.verify)

    async def pick(self, opinion: str) -> None:
        """Show an opinion."""
        self._element.pick(opinion)
        await self._show(lambda: _fate(self._visit.run, opinion), lambda fate: opinion_card(self._visit, fate))

    async def fork(self, turn: int) -> None:
        """Show the form that forks at a turn."""
        if self._talk.question is None:
            self._say(f"talk {self._talk.id} is about no survey question, so it cannot be forked")
            return
        run = self._visit.run
        await self._show(
            lambda: offered(run, self._talk),
            lambda offers: fork_form(self._visit, self._talk, turn, offers, close=self.rest),
        )

    async def verify(self) -> None:
        """Hold the talk again, and show what came of it."""
        self._card.clear()
        with self._card:
            Tag("p", "Holding it again from the ledger …", role="status")
        await self._show(lambda: verified(self._visit.run, self._talk.id), verification)

    async def _show(self, read: Callable[[], T], drawn: Callable[[T], None]) -> None:
        try:
            found = await asyncio.to_thread(read)
        except CultureParkError as error:
            self._say(str(error))
            return
        self._card.clear()
        with self._card:
            drawn(found)

    def _say(self, mistake: str) -> None:
        self._card.clear()
        with self._card:
            Tag("p", mistake, classes="refused", role="alert")


def _fate(run: Path, opinion: str) -> Fate:
    with looking(run) as store:
        return load_fate(store, opinion)


def _ending(read: Read) -> None:
    talk = read.said.talk
    if talk.reason:
        Tag("p", f"failed: {talk.reason}", classes="refused")
    elif read.error is not None:
        Tag("p", read.error, classes="refused")
    elif talk.status == "planned" and not read.going:
        Tag("p", "Not over yet, and nobody works on it: the same command or fork goes on from here.", classes="muted")


def _wait_for(job: Job, read: Callable[[], Read]) -> None:
    """Stand in for a fork whose model is still being opened."""
    Tag("h1", "Fork")
    with Tag("section", classes="card"):
        told = Tag("p", "The model is being opened …", role="status")

    async def look() -> None:
        try:
            await asyncio.to_thread(read)
        except CultureParkError:
            if job.running:
                return
            told.set_text(shown(job.error or "it ended before it began"))
        else:
            ui.navigate.reload()
        timer.deactivate()

    timer = ui.timer(EVERY, look, immediate=False)


def _heading(visit: Visit, talk: Transcript) -> None:
    run = visit.params["run"]
    with Tag("div", classes="talk-heading"):
        Tag("h1", topic(talk))
        if (words := statement(talk)) is not None:
            Tag("p", words, classes="muted")
        with Tag("p", classes="muted small"):
            facts = (talk.id, protocol_name(talk.protocol.name), talk.language, talk.model, talk.status)
            Tag("span", "  ·  ".join(facts))
        if talk.parent is not None:
            query = {"a": talk.parent.id, "b": talk.id}
            with Tag("p", classes="row small"):
                with Tag("span"):
                    Tag("span", "Fork of ")
                    Tag("a", talk.parent.id, classes="mono", href=address(PATH, run=run, talk=talk.parent.id))
                    Tag("span", f" at turn {talk.parent.turn}: {changed(talk.parent.edits)}.")
                Tag("a", "Compare the two", classes="button", href=address("/run/{run}/diff", run=run, query=query))


def _people(talk: Transcript) -> None:
    with Tag("section", classes="card", aria_label="Who sits here"):
        Tag("h2", "Who sits here")
        for seat in talk.seats:
            with Tag("div", classes="person", style=tint(seat.culture.id)):
                initial(seat)
                with Tag("div"):
                    with Tag("p", classes="tight"):
                        Tag("b", seat.name)
                        Tag("span", f" {seat.culture.country_name}", classes="muted")
                    if seat.stance is None:
                        Tag("p", "holds no stance", classes="small muted tight")
                    else:
                        Tag("p", seat.stance.words, classes="small tight")
                        Tag("p", seat.stance.standing, classes="small muted tight")


def _how_to_read(*, view_has_quotes: bool) -> None:
    Tag("h2", "Opinions")
    if view_has_quotes:
        Tag("p", "Press a marked quote to see its verdict and its sample.", classes="muted")
        with Tag("ul", classes="legend small"):
            for mark, words in (
                ("entail", "says what the stance says"),
                ("contradict", "against the stance"),
                ("irrelevant", "the stance does not decide it"),
                ("unjudged", "not judged"),
            ):
                with Tag("li"):
                    Tag("span", mark, classes=f"quote quote-{mark}")
                    Tag("span", f" {words}", classes="muted")
    else:
        Tag("p", "None was found in this talk, or the run is not refined yet.", classes="muted")


PAGE = Page(PATH, "Transcript", draw, own_heading=True)
