"""The form beside a talk that forks it, and what comes of verifying it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from nicegui import ui

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.read_only import looking
from culturepark.simulation.talks import find_transcript
from culturepark.simulation.transcript import IMPORTED, Transcript
from culturepark.simulation.verify import Verification, verify_all
from culturepark.studio.fields import area, button, choice, text
from culturepark.studio.forking import Offered, plan, runs_code, wishes
from culturepark.studio.jobs import JOBS, hold
from culturepark.studio.page import Visit, address
from culturepark.studio.tags import Tag
from culturepark.studio.words import protocol_name


def fork_form(visit: Visit, talk: Transcript, turn: int, offers: Offered, *, close: Callable[[], None]) -> None:
    """Ask what the fork does otherwise; then it is held, and its page opened."""
    said = talk.turns[turn].text
    Tag("h2", f"Fork at turn {turn}", tabindex="-1").run_method("focus")
    Tag("p", f"Turns before {turn} are shared. What you leave alone stays as it is.", classes="muted small")
    if (code := runs_code(talk)) is not None:
        Tag("p", f"Its protocol is code: the file {code} is run.", classes="small")
    with Tag("div", classes="stack form"):
        keeps = "choose one" if talk.protocol.name == IMPORTED else f"{protocol_name(talk.protocol.name)} (as it is)"
        protocol = choice("Protocol", "protocol", {one: one for one in offers.protocols}, any_word=keeps)
        arguments = text("Its arguments", "arguments", placeholder="turns=6")
        seats = {
            seat.id: choice(f"In {seat.name}'s seat", seat.id, offers.personas, value=seat.id) for seat in talk.seats
        }
        model = text("Model", "model", placeholder=talk.model, offered=offers.models)
        base_url = text("Its address", "base_url", placeholder="of an openai: model, when not the study's")
        say = area(f"What {talk.seat(talk.turns[turn].speaker).name} says at turn {turn}", "say", value=said)
        problem = Tag("div", role="alert")
        with Tag("div", classes="row"):
            go = button("Run the fork", primary=True)
            button("Cancel").on("click", close)

    async def run_fork() -> None:
        go.props["disabled"] = True
        problem.clear()
        try:
            wished = wishes(
                turn,
                protocol=protocol.value,
                arguments=arguments.value,
                personas={old: field.value for old, field in seats.items()},
                model=model.value,
                base_url=base_url.value,
                say=say.value,
                said=said,
            )
            planned = await asyncio.to_thread(plan, visit.run, talk.id, wished)
        except CultureParkError as error:
            del go.props["disabled"]
            with problem:
                Tag("p", str(error), classes="refused")
            return
        run = visit.run
        JOBS.start(run, planned.fork.id, lambda: hold(run, planned))
        ui.navigate.to(address("/run/{run}/talk/{talk}", run=visit.params["run"], talk=planned.fork.id))

    go.on("click", run_fork)


def verified(run: Path, talk: str) -> Verification:
    """Hold a talk again from the ledger, with the model off. Has an event loop of its own: call it in a thread.

    Raises:
        CultureParkError: When today's files no longer hold somebody who sat in it.
    """
    with looking(run) as store:
        return asyncio.run(verify_all(store, [find_transcript(store, talk)]))[0]


def verification(found: Verification) -> None:
    """Say how a talk stands."""
    Tag("h2", "Verified")
    if found.status == "unverifiable":
        Tag("p", "Its replies are not in this run's ledger (it was imported), so there is nothing to hold it against.")
        return
    if found.divergence is None:
        Tag("p", f"It holds: {found.turns} turns come out again, word for word, with the model off.", classes="good")
    else:
        Tag("p", f"It diverges at turn {found.divergence.turn}: {found.divergence.what}", classes="bad")
        if found.divergence.diff:
            Tag("pre", "\n".join(found.divergence.diff), classes="command")
    for cause in found.causes:
        what = cause.kind if cause.field == cause.kind else f"{cause.kind} {cause.field}"
        Tag("p", f"Changed {what}: {cause.was!r} → {cause.now!r}", classes="small")
