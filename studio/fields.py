"""Labelled form fields: plain HTML, which keyboards and screen readers know."""

from collections.abc import Mapping, Sequence
from typing import Any

from culturepark.studio.tags import Tag

SENDS_VALUE = "(event) => emit(event.target.value)"


class Field:
    """A field whose value the server knows as it is typed."""

    def __init__(self, tag: Tag, value: str) -> None:
        self.tag = tag
        self.value = value
        tag.on("input", lambda event: self._set(str(event.args)), js_handler=SENDS_VALUE)

    def _set(self, value: str) -> None:
        self.value = value


def choice(label: str, name: str, options: Mapping[str, str], *, value: str = "", any_word: str | None = None) -> Field:
    """A select; `any_word` adds an option that selects everything."""
    with Tag("label", classes="field"):
        Tag("span", label)
        with Tag("select", name=name) as field:
            if any_word is not None:
                Tag("option", any_word, value="")
            for key, words in options.items():
                Tag("option", words, value=key, selected=key == value)
    return Field(field, value)


def text(label: str, name: str, *, value: str = "", placeholder: str = "", offered: Sequence[str] = ()) -> Field:
    """A line of text, with values to choose from if there are any."""
    with Tag("label", classes="field"):
        Tag("span", label)
        listed = f"offered-{name}" if offered else None
        # `value` would be written again with every change of the page, over what was typed.
        field = Tag("input", type="text", name=name, defaultValue=value, placeholder=placeholder, list=listed)
        if offered:
            with Tag("datalist", id=listed):
                for one in offered:
                    Tag("option", value=one)
    return Field(field, value)


def area(label: str, name: str, *, value: str = "", rows: int = 4, placeholder: str = "", dir: str = "auto") -> Field:  # noqa: A002
    """Several lines of text."""
    with Tag("label", classes="field"):
        Tag("span", label)
        field = Tag("textarea", name=name, rows=str(rows), defaultValue=value, placeholder=placeholder, dir=dir)
    return Field(field, value)


def search(label: str, name: str, *, value: str, placeholder: str = "") -> None:
    """A search field, which the key `/` leads to."""
    with Tag("label", classes="field grow"):
        Tag("span", label)
        Tag("input", type="search", name=name, defaultValue=value, placeholder=placeholder, data_search=True)


def button(words: str, *, primary: bool = False, **attributes: Any) -> Tag:
    """A button."""
    return Tag("button", words, classes="button primary" if primary else "button", **{"type": "button", **attributes})
