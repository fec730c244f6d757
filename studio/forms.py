"""A form that the browser checks, and whose fields come to the server together."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

from nicegui import ui
from nicegui.events import GenericEventArguments

from culturepark.studio.tags import Tag

SENDS_FIELDS: Final = "(event) => { event.preventDefault(); emit(Object.fromEntries(new FormData(event.target))); }"


def form(submitted: Callable[[dict[str, Any]], Awaitable[None]], *, classes: str = "") -> Tag:
    """What is filled in goes to `submitted`, by the fields' names; a box that is not ticked is not among them."""

    async def submit(event: GenericEventArguments) -> None:
        await submitted(dict(event.args))

    return Tag("form", classes=classes).on("submit", submit, js_handler=SENDS_FIELDS)


def lead_to(stage: Tag, place: Literal["step", "message"]) -> None:
    """Move the focus to the element of that id on a stage that was drawn anew, and logs on it to their end."""
    # In the stage's slot: that of the handler that drew it anew may be gone with what was there before.
    with stage:
        ui.run_javascript(
            "document.querySelectorAll('[role=log]').forEach((log) => log.scrollTo(0, log.scrollHeight)); "
            f"document.getElementById('{place}')?.focus()"
        )
