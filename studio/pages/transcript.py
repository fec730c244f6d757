"""One talk: read, stepped through, followed while it is held; from a quote to its verdict and its sample."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from nicegui import ui

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.read_only import looking
from culturepark.simulation.transcript import Transcript
from culturepark.studio.jobs import JOBS, Job
from culturepark.studio.overview import is_busy
from culturepark.studio.page import Visit, address
from culturepark.studio.pages.talk_aside import TalkAside, people
from culturepark.studio.tags import Tag, shown
from culturepark.studio.talk_elements import StancesElement, TalkElement
from culturepark.studio.transcript import Said, changed, load_said, statement, talk_view, topic
from culturepark.studio.words import protocol_name

PATH = "/run/{run}/talk/{talk}"
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
    _talk(visit, now, read)


class Read(NamedTuple):
    """A talk as it stands."""

    said: Said
    going: bool
    """Whether it is being held."""
    error: str | None
    """Why this studio stopped holding it."""


def _talk(visit: Visit, now: Read, read: Callable[[], Read]) -> None:
    """Draw a talk as it stands, and go on reading while it is held."""
    status = _heading(visit, now.said.talk)
    view = talk_view(now.said, under_way=now.going)
    with Tag("div", classes="reading"):
        with Tag("section", aria_label="Talk"):
            element = TalkElement(view)
            ended = Tag("div", role="status")
        with Tag("aside", classes="stack beside", aria_label="About the talk"):
            card = Tag("section", classes="card", aria_label="Opinion, fork or check", aria_live="polite")
            people(now.said.talk)
            with Tag("section", classes="card", aria_label="Stances over turns") as charts:
                Tag("h2", "Stances over turns")
                lines = StancesElement(view)
            charts.set_visibility(bool(view.lines))
    aside = TalkAside(visit, now.said, element, card)
    aside.rest()
    with ended:
        _ending(now)

    async def follow() -> None:
        nonlocal now
        latest = await asyncio.to_thread(read)
        if latest != now:
            now = latest
            state = talk_view(now.said, under_way=now.going)
            element.show(state)
            lines.show(state)
            status.set_text(now.said.talk.status)
            aside.said = now.said
            ended.clear()
            with ended:
                _ending(now)
        if not now.going:
            timer.deactivate()

    element.on("pick", lambda event: aside.pick(str(event.args)))
    element.on("fork", lambda event: aside.fork(int(event.args)))
    timer = ui.timer(EVERY, follow, immediate=False, active=now.going)


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


def _heading(visit: Visit, talk: Transcript) -> Tag:
    """Draw what the talk is; returns the element that says how it stands."""
    run = visit.params["run"]
    with Tag("div", classes="talk-heading"):
        Tag("h1", topic(talk))
        if (words := statement(talk)) is not None:
            Tag("p", words, classes="muted")
        with Tag("p", classes="muted small"):
            facts = (talk.id, protocol_name(talk.protocol.name), talk.language, talk.model)
            Tag("span", "  ·  ".join((*facts, "")))
            status = Tag("span", talk.status)
        if talk.parent is not None:
            query = {"a": talk.parent.id, "b": talk.id}
            with Tag("p", classes="row small"):
                with Tag("span"):
                    Tag("span", "Fork of ")
                    Tag("a", talk.parent.id, classes="mono", href=address(PATH, run=run, talk=talk.parent.id))
                    Tag("span", f" at turn {talk.parent.turn}: {changed(talk.parent.edits)}.")
                Tag("a", "Compare the two", classes="button", href=address("/run/{run}/diff", run=run, query=query))
    return status
