"""The map of opinions: near ones mean nearly the same; what was removed hangs on what stands for it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from nicegui import ui

from culturepark.postprocess.opinion import Opinion
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.read_only import looking, stamp
from culturepark.studio.fate import Fate, load_fate
from culturepark.studio.opinion_card import opinion_card
from culturepark.studio.opinion_points import BYS, By, Laid, groups, lay_out, map_figure, rethreshold
from culturepark.studio.page import Visit, address
from culturepark.studio.palette import tint
from culturepark.studio.tags import Tag, empty
from culturepark.studio.transcript import direction
from culturepark.studio.words import amount

PATH = "/run/{run}/opinions"
SHOWN_GROUPS = 100


def draw(visit: Visit) -> None:
    """The map, a slider for its threshold, the opinion that was selected, and the groups as a list."""
    run = visit.run
    by = _by(visit.query.get("by", "culture"))
    place = Tag("div")
    with place:
        Tag("p", "Laying out the opinions …", classes="muted", role="status")

    async def fill() -> None:
        # After the page: laying out hundreds of opinions for the first time takes seconds.
        try:
            laid = await asyncio.to_thread(lambda: lay_out(run, stamp(run)))
        except CultureParkError as error:
            place.clear()
            with place:
                Tag("p", str(error), classes="refused", role="alert")
            return
        place.clear()
        with place:
            _page(visit, laid, by)

    ui.timer(0, fill, once=True)


def _page(visit: Visit, laid: Laid | None, by: By) -> None:
    run = visit.run
    if laid is None:
        empty(
            "No opinion was verified here yet.",
            then="Distil the talks, and each opinion gets a place on the map:",
            command=f"culturepark refine --run {run}",
        )
        return
    _controls(visit, laid, by)
    with Tag("div", classes="reading"):
        with Tag("section", classes="stack", aria_label="Map"):
            with Tag("div", classes="card map"):
                plot = ui.plotly(map_figure(laid, laid.opinions, by))
                plot.props["aria-label"] = f"Map of {len(laid.opinions)} opinions; the list below holds them as text"
                plot.props["role"] = "img"
            if laid.method == "threshold":
                slider, told = _slider(laid)
            listed = Tag("section", classes="card", aria_label="Merged opinions")
        card = Tag("aside", classes="card beside", aria_label="Selected opinion", aria_live="polite")
    with card:
        Tag("h2", "Opinion")
        Tag("p", "Select a point, or an opinion of the list below the map, to read it.", classes="muted")

    async def read(opinion: str) -> None:
        try:
            fate = await asyncio.to_thread(_fate, visit, opinion)
        except CultureParkError as error:
            card.clear()
            with card:
                Tag("p", str(error), classes="refused", role="alert")
            return
        card.clear()
        with card:
            opinion_card(visit, fate, talk_link=True)

    def list_groups(opinions: Sequence[Opinion]) -> None:
        listed.clear()
        with listed:
            _groups(opinions, read)

    async def move(cosine: float) -> None:
        found = await asyncio.to_thread(rethreshold, laid, cosine)
        plot.update_figure(map_figure(laid, found.opinions, by))
        judged = f"; {found.undecided} more pairs would be put to the judge" if found.undecided else ""
        told.set_text(f"at {cosine:.2f}: {found.samples} samples of {len(found.opinions)} opinions{judged}")
        list_groups(found.opinions)

    list_groups(laid.opinions)
    plot.on(
        "plotly_click",
        lambda event: read(str(event.args)),
        js_handler="(event) => event.points[0].customdata && emit(event.points[0].customdata)",
    )
    if laid.method == "threshold":
        slider.on("change", lambda event: move(float(event.args)), js_handler="(event) => emit(event.target.value)")


def _by(word: str) -> By:
    for known in BYS:
        if word == known:
            return known
    raise unknown("colouring", word, BYS)


def _controls(visit: Visit, laid: Laid, by: By) -> None:
    with Tag("div", classes="row between"):
        with Tag("nav", classes="row", aria_label="Colour by"):
            Tag("span", "Colour by", classes="muted small")
            for one in BYS:
                href = address(PATH, run=visit.params["run"], query={"by": one})
                current = "true" if one == by else None
                Tag("a", one, classes="button choice", href=href, aria_current=current)
        drawn = f"{amount(len(laid.opinions))} verified opinions by {laid.places.projection}"
        if laid.all > len(laid.opinions):
            drawn = f"{amount(len(laid.opinions))} of {amount(laid.all)} verified opinions, drawn by lot"
        Tag("p", drawn, classes="muted small tight", role="status")


def _slider(laid: Laid) -> tuple[Tag, Tag]:
    samples = sum(opinion.kept is None for opinion in laid.opinions)
    with Tag("div", classes="card"):
        with Tag("label", classes="field"):
            Tag("span", "Cosine from which two opinions count as one (the run is not changed)")
            value = f"{laid.min_cosine:.2f}"
            slider = Tag("input", type="range", min="0.2", max="1", step="0.01", defaultValue=value)
        told = Tag("p", f"as refined, at {value}: {samples} samples", classes="small tight", role="status")
    return slider, told


def _groups(opinions: Sequence[Opinion], read: Callable[[str], Awaitable[None]]) -> None:
    found = groups(opinions)
    Tag("h2", "Removed, with the one kept for them")
    if not found:
        Tag("p", "Nothing is merged at this threshold.", classes="muted")
        return
    for kept, removed in found[:SHOWN_GROUPS]:
        with Tag("details", style=tint(kept.culture)):
            with Tag("summary"):
                Tag("span", classes="dot inline", aria_hidden="true")
                Tag("span", kept.text, dir=direction(kept.language), lang=kept.language)
                Tag("span", f" stands for {1 + len(removed)}", classes="muted small")
            with Tag("ul", classes="removed"):
                for opinion in (kept, *removed):
                    with Tag("li"):
                        one = Tag("button", opinion.text, classes="as-text", type="button", dir="auto")
                        one.on("click", lambda _, name=opinion.id: read(name))
                        how = "kept" if opinion is kept else f"{opinion.merged_by}, cosine {opinion.cosine:.3f}"
                        Tag("span", how, classes="muted small")
    if len(found) > SHOWN_GROUPS:
        Tag("p", f"… and {len(found) - SHOWN_GROUPS} smaller groups", classes="muted small")


def _fate(visit: Visit, opinion: str) -> Fate:
    with looking(visit.run) as store:
        return load_fate(store, opinion)
