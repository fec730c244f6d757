"""How many people a classroom study needs, and its protocol to print."""

import asyncio
from collections.abc import Mapping
from typing import Final

from nicegui import ui

from culturepark.benchmarks.education.power import Design, Size, needed_size, size_at
from culturepark.benchmarks.education.protocol import protocol_page
from culturepark.personas.roster import load_roster
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import build
from culturepark.studio.fields import button
from culturepark.studio.page import Visit
from culturepark.studio.tags import Tag
from culturepark.studio.words import amount

FIELDS: Final = {
    "effect": ("Effect, in standard deviations", "0.5"),
    "correlation": ("Correlation of the two forms", "0.5"),
    "arms": ("Arms", "3"),
    "attrition": ("Share that will not be complete", "0.1"),
    "power": ("Power", "0.8"),
    "alpha": ("Alpha", "0.05"),
    "n": ("Participants an arm, if they are given", ""),
}
CORRELATIONS: Final = (0.3, 0.5, 0.7)


async def draw(visit: Visit) -> None:
    """What is assumed, what follows from it, and the papers."""
    given = {name: visit.query.get(name, default) for name, (_, default) in FIELDS.items()}
    culture = visit.query.get("culture", "")
    _assumptions(given, culture)
    if culture:
        load_roster().culture(culture)
    size = await asyncio.to_thread(planned, given)
    with Tag("div", classes="stack"):
        with Tag("section", classes="card", aria_label="Size"):
            with Tag("dl", classes="numbers"):
                for words, value in (
                    ("complete lessons an arm", amount(size.complete_per_arm)),
                    ("enrol an arm", amount(size.enrol_per_arm)),
                    ("enrol in all", amount(size.enrol)),
                    ("power of a contrast", f"{size.power:.3f}"),
                ):
                    with Tag("div"):
                        Tag("dt", words)
                        Tag("dd", value)
            Tag("p", "Complete lessons an arm with another correlation; a pilot tells which.", classes="muted small")
            others = await asyncio.to_thread(_others, size.design)
            Tag("p", "  ·  ".join(f"r = {r:g}: {amount(n)}" for r, n in others.items()))
        with Tag("section", classes="card", aria_label="Protocol"):
            Tag(
                "p",
                "Hypotheses, design, procedure, analysis, a pre-registration to fill in, papers for participants.",
            )

            async def protocol() -> None:
                cultures = [culture] if culture else []
                page = await asyncio.to_thread(protocol_page, size, cultures=cultures)
                ui.download.content(page, "protocol.html", "text/html")

            button("Protocol as a page to print", primary=True).on("click", protocol)


def planned(given: Mapping[str, str]) -> Size:
    """The size that the fields ask for.

    Raises:
        CultureParkError: For what is no number, or a study that cannot be.
    """
    numbers = {name: _number(name, text) for name, text in given.items() if text}
    per_arm = numbers.pop("n", None)
    design = build(Design, numbers, place="the study's design")
    if per_arm is None:
        return needed_size(design)
    if not per_arm.is_integer() or per_arm < 1:
        raise CultureParkError(f"n = {per_arm:g}: write a whole number of participants")
    return size_at(design, int(per_arm))


def _others(design: Design) -> dict[float, int]:
    return {r: needed_size(design.model_copy(update={"correlation": r})).complete_per_arm for r in CORRELATIONS}


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CultureParkError(f"{name} = {text!r} is no number") from None


def _assumptions(given: Mapping[str, str], culture: str) -> None:
    roster = load_roster()
    with Tag("form", classes="filter", method="get"):
        for name, (words, _) in FIELDS.items():
            with Tag("label", classes="field"):
                Tag("span", words)
                Tag("input", name=name, defaultValue=given[name], inputmode="decimal", autocomplete="off", size="10")
        with Tag("label", classes="field"):
            Tag("span", "Print the forms of")
            with Tag("select", name="culture"):
                Tag("option", "no culture", value="")
                for one in roster.delegate_cultures:
                    Tag("option", roster.culture(one).country_name, value=one, selected=one == culture)
        Tag("button", "Plan", classes="button", type="submit")
