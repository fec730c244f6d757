"""Labelled form fields: plain HTML, which keyboards and screen readers know."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from nicegui.events import GenericEventArguments

from culturepark.studio.tags import Tag

FIELDS: Final = "(event) => { event.preventDefault(); emit(Object.fromEntries(new FormData(event.target))); }"


def choice(label: str, name: str, options: Mapping[str, str], *, value: str = "", any_word: str | None = None) -> Tag:
    """A select; `any_word` adds an option that selects everything."""
    with Tag("label", classes="field"):
        Tag("span", label)
        with Tag("select", name=name) as field:
            if any_word is not None:
                Tag("option", any_word, value="")
            for key, words in options.items():
                Tag("option", words, value=key, selected=key == value)
    return field


def search(label: str, name: str, *, value: str, placeholder: str = "") -> Tag:
    """A search field, which the key `/` leads to."""
    with Tag("label", classes="field grow"):
        Tag("span", label)
        return Tag("input", type="search", name=name, value=value, placeholder=placeholder, data_search=True)


def button(text: str, *, primary: bool = False, **attributes: Any) -> Tag:
    """A button."""
    return Tag("button", text, classes="button primary" if primary else "button", **{"type": "button", **attributes})


def form(submitted: Callable[[dict[str, Any]], Awaitable[None]], *, classes: str = "") -> Tag:
    """A form that the browser checks; what is filled in goes to `submitted`, by the fields' names."""

    async def submit(event: GenericEventArguments) -> None:
        await submitted(dict(event.args))

    return Tag("form", classes=classes).on("submit", submit, js_handler=FIELDS)
