"""A form that the browser checks, and whose fields come to the server together."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from nicegui.events import GenericEventArguments

from culturepark.studio.tags import Tag

SENDS_FIELDS: Final = "(event) => { event.preventDefault(); emit(Object.fromEntries(new FormData(event.target))); }"


def form(submitted: Callable[[dict[str, Any]], Awaitable[None]], *, classes: str = "") -> Tag:
    """What is filled in goes to `submitted`, by the fields' names; a box that is not ticked is not among them."""

    async def submit(event: GenericEventArguments) -> None:
        await submitted(dict(event.args))

    return Tag("form", classes=classes).on("submit", submit, js_handler=SENDS_FIELDS)
