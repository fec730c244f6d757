"""Plain HTML elements. Text is text: it is sent as data and written by Vue, never parsed as HTML."""

from typing import Any

from nicegui.elements.mixins.text_element import TextElement

from culturepark.runtime.console import plain


class Tag(TextElement):
    """An HTML element, used as `with Tag("section", classes="card"): Tag("p", "some text")`."""

    def __init__(self, tag: str, text: object = "", *, classes: str = "", **attributes: Any) -> None:
        """Attributes are written `aria_label="…"`; None leaves one out, True sets one without a value."""
        super().__init__(tag=tag, text=shown(text) if text != "" else "")
        if classes:
            self.classes(classes)
        for name, value in attributes.items():
            if value is not None and value is not False:
                self.props[name.strip("_").replace("_", "-")] = "" if value is True else value


def shown(text: object) -> str:
    """A text as a page shows it: what would act on the text around it (escapes, overrides) is made visible."""
    return plain(text, keep_newlines=True)


def icon(name: str) -> Tag:
    """A Material icon, which says nothing to a screen reader."""
    return Tag("i", name, classes="q-icon material-icons", aria_hidden="true")


def empty(what: str, *, then: str, command: str | None = None) -> None:
    """Say that there is nothing here yet, and what to do about it."""
    with Tag("section", classes="empty"):
        Tag("p", what, classes="empty-what")
        Tag("p", then)
        if command is not None:
            Tag("code", command, classes="command")
