"""The classroom of a run: where participants are sent, and the lesson as they see it."""

import asyncio

from culturepark.benchmarks.education.classroom import load_classroom
from culturepark.studio.page import Visit
from culturepark.studio.pages.lesson import lesson
from culturepark.studio.tags import Tag, empty


async def draw(visit: Visit) -> None:
    """The address for participants, and a lesson."""
    run = visit.run
    classroom = await asyncio.to_thread(load_classroom, run)
    if classroom is None:
        empty(
            "No classroom is set up in this run.",
            then="Say which cultures may be picked and which model talks as each; the run's own is the untuned one:",
            command=f"culturepark education setup {run} --culture-model turkish=MODEL",
        )
        return
    lesson(run, classroom)
    with Tag("section", classes="card invitation", aria_label="For participants"):
        Tag("h2", "For participants")
        Tag("p", "This address opens the lesson and nothing else, until the studio ends:")
        Tag("code", visit.origin + visit.keys.invitation(visit.params["run"]), classes="command", data_invitation=True)
        Tag(
            "p",
            "A browser in which it was opened is shown no other page until it is closed. Try it in a private window.",
            classes="muted small",
        )
