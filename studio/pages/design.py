"""The drawing board: a protocol with its cues at once, or a culture file with its mistakes at once."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from nicegui import ui

from culturepark.personas.finding import Finding
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.studio.design import (
    Checked,
    Tried,
    check,
    check_script,
    lint_people,
    own_files,
    python_protocols,
    save,
    shipped_cultures,
    shipped_scripts,
    try_python,
    try_script,
)
from culturepark.studio.fields import Field, area, button, choice, text
from culturepark.studio.page import Visit, address
from culturepark.studio.pages.trial_form import trial_form
from culturepark.studio.people import culture_dot
from culturepark.studio.tags import Tag

PATH = "/design"
EVERY = 0.5
"""Seconds after which what was typed is looked at."""
WHAT = {"protocol": "Protocol", "persona": "Personas"}
PROTOCOLS, PEOPLE = "protocols", "people"
"""Folders that texts are saved in, below the folder the studio was started on."""
T = TypeVar("T")


async def draw(visit: Visit) -> None:
    """One of the two boards."""
    what = visit.query.get("what", "protocol")
    if what not in WHAT:
        raise unknown("drawing board", what, WHAT)
    with Tag("nav", classes="row between-down", aria_label="What is designed"):
        for one, words in WHAT.items():
            href = address(PATH, query={"what": one})
            Tag("a", words, classes="button choice", href=href, aria_current="true" if one == what else None)
    if what == "persona":
        _people(visit)
    else:
        _protocol(visit)


def _protocol(visit: Visit) -> None:
    folder = visit.folder.work
    scripts = {**{f"{name} (shipped)": one for name, one in shipped_scripts().items()}, **own_files(folder, "rounds")}
    files = python_protocols(folder)
    wanted = visit.query.get("from", next(iter(scripts)))
    if wanted not in scripts and wanted not in files:
        raise unknown("script or file", wanted, [*scripts, *files], place=str(folder))
    _starting_points({**{one: one for one in scripts}, **{one: f"{one} (code)" for one in files}}, wanted, "protocol")
    with Tag("div", classes="board"):
        with Tag("section", classes="stack", aria_label="Protocol"):
            script = None
            if wanted in scripts:
                script = area("Script", "script", value=scripts[wanted], rows=26, dir="ltr")
                script.tag.classes("code")
                script.tag.props["spellcheck"] = "false"
            else:
                _code(wanted)
            with Tag("div", classes="row"):
                seats = choice("Seats", "seats", {"2": "2", "3": "3", "5": "5"}, value="3")
                arguments = text("Arguments", "arguments", placeholder="turns=6")
            with Tag("div", classes="row"):
                checking = button("Check its promises")
                trying = button("Try", primary=True) if script is None else None
            verdicts = Tag("div", role="status")
            trial_form(visit, wanted, script, arguments, lambda name: save(folder / PROTOCOLS, name, _value(script)))
        cues = Tag("section", classes="card", aria_label="Cues", aria_live="polite")

    def attempt() -> Tried:
        if script is None:
            return try_python(wanted, seats=int(seats.value), arguments=arguments.value, folder=folder)
        return try_script(script.value, seats=int(seats.value), arguments=arguments.value)

    def kit() -> list[Checked]:
        if script is None:
            return check(wanted, arguments=arguments.value, folder=folder)
        return check_script(script.value, arguments=arguments.value)

    async def check_now() -> None:
        checking.props["disabled"] = True
        verdicts.clear()
        with verdicts:
            Tag("p", "Trial talks with every cast, here and in another process …", classes="muted")
        await _filled(verdicts, kit, _checks)
        del checking.props["disabled"]

    checking.on("click", check_now)
    if trying is not None:
        with cues:
            Tag("h2", "Cues")
            Tag("p", "Press Try: the file is code, and runs only then.", classes="muted")
        trying.on("click", lambda: _filled(cues, attempt, _cues))
        return
    seen: tuple[str, str, str] | None = None

    async def look() -> None:
        nonlocal seen
        now = _value(script), seats.value, arguments.value
        if now != seen:
            seen = now
            await _filled(cues, attempt, _cues)

    ui.timer(EVERY, look)


def _people(visit: Visit) -> None:
    folder = visit.folder.work
    known = {**{f"{name} (shipped)": one for name, one in shipped_cultures().items()}, **own_files(folder, "personas")}
    wanted = visit.query.get("from", next(iter(known)))
    if wanted not in known:
        raise unknown("culture file", wanted, known, place=str(folder))
    _starting_points({one: one for one in known}, wanted, "persona")
    with Tag("div", classes="board"):
        with Tag("section", classes="stack", aria_label="Editor"):
            people = area("Culture file", "people", value=known[wanted], rows=26, dir="ltr")
            people.tag.classes("code")
            people.tag.props["spellcheck"] = "false"
            with Tag("div", classes="row end"):
                name = text("Save as", "name", placeholder="my-people")
                saving = button("Save")
            saved = Tag("div", role="status")
        found = Tag("section", classes="card", aria_label="Lint", aria_live="polite")

    async def save_now() -> None:
        await _filled(saved, lambda: save(folder / PEOPLE, name.value.strip(), people.value), _saved)

    saving.on("click", save_now)
    seen: str | None = None

    async def look() -> None:
        nonlocal seen
        if people.value != seen:
            seen = people.value
            await _filled(found, lambda: lint_people(people.value), _findings)

    ui.timer(EVERY, look)


def _starting_points(offered: dict[str, str], wanted: str, what: str) -> None:
    with Tag("form", classes="filter", method="get", data_submit=True):
        Tag("input", type="hidden", name="what", value=what)
        choice("Start from", "from", offered, value=wanted)


def _code(name: str) -> None:
    with Tag("div", classes="card"):
        Tag("h2", name)
        Tag(
            "p",
            "This protocol is a Python file. It is code: pressing Try, Check or Run executes it in a process of its "
            "own, as `culturepark protocols try` does. Edit it where you edit code; each press reads it again.",
            classes="muted tight",
        )


def _cues(tried: Tried) -> None:
    Tag("h2", "Cues")
    ending = "the protocol ends the talk" if tried.ended else "shown as far as this"
    Tag(
        "p",
        f"{len(tried.cues)} turns; {ending}. Nobody is asked: everybody says a placeholder line.",
        classes="muted small",
    )
    with Tag("ol", classes="cues", tabindex="0", aria_label="Cues in their order"):
        for cue in tried.cues:
            with Tag("li"):
                with Tag("p", classes="row tight"):
                    Tag("span", cue.turn, classes="turn-number")
                    culture_dot(cue.culture)
                    Tag("b", cue.speaker)
                    Tag("span", f"heard by {cue.heard_by}", classes="muted small")
                if cue.guidance:
                    Tag("p", cue.guidance, classes="tight", dir="auto")
                if cue.note:
                    Tag("p", cue.note, classes="muted small tight", dir="auto")


def _checks(found: list[Checked]) -> None:
    kept = all(one.passed for one in found)
    Tag("p", "Keeps all its promises." if kept else "Some promises are not kept.", classes="good" if kept else "bad")
    with Tag("ul", classes="plain small"):
        for one in found:
            mark = {True: "✓", False: "✗", None: "·"}[one.passed]
            with Tag("li", classes="bad" if one.passed is False else ""):
                Tag("span", f"{mark} {one.promise}")
                for broken in one.broken:
                    Tag("div", broken)


def _findings(found: list[Finding]) -> None:
    Tag("h2", "Lint")
    errors = sum(one.level == "error" for one in found)
    if not found:
        Tag("p", "Nothing is wrong with it.", classes="good")
        return
    Tag("p", f"{errors} mistakes, {len(found) - errors} likely slips", classes="muted small")
    with Tag("ul", classes="findings"):
        for one in found:
            with Tag("li"):
                Tag("b", f"line {one.line}", classes="bad" if one.level == "error" else "warn")
                Tag("span", f" {one.what}; {one.fix}")


def _saved(path: Path) -> None:
    Tag("p", f"saved in {path}", classes="good small tight")


def _value(field: Field | None) -> str:
    assert field is not None
    return field.value


async def _filled(place: Tag, work: Callable[[], T], drawn: Callable[[T], None]) -> None:
    """Do work in a thread, and put what comes of it, or the mistake in it, into a place."""
    try:
        found = await asyncio.to_thread(work)
    except CultureParkError as error:
        place.clear()
        with place:
            Tag("p", str(error), classes="refused")
        return
    place.clear()
    with place:
        drawn(found)
