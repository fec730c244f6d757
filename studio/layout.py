"""What stands around every page: menu, theme, keyboard help."""

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import context

from culturepark.studio.page import Link, Page, Visit, menu
from culturepark.studio.tags import Tag, icon

KEYS = (
    ("?", "this help"),
    ("/", "search, where a page has a search field"),
    ("t", "light or dark"),
    ("Tab, Enter", "from control to control, and press one"),
)


@contextmanager
def framed(page: Page, pages: tuple[Page, ...], visit: Visit) -> Iterator[None]:
    """Draw the frame; what is drawn inside the block stands in `<main>`."""
    # NiceGUI puts every page into a `<main>`, the menu too; ours is the one that counts.
    slot = context.client.content.parent_slot
    assert slot is not None
    slot.parent.props("role=presentation")
    if page.bare:
        with Tag("main", id="main", classes="bare", tabindex="-1"):
            yield
        return
    links = menu(pages, visit, page)
    Tag("a", "Skip to the content", classes="skip", href="#main")
    with Tag("div", classes="frame"):
        with Tag("header", classes="side"):
            with Tag("a", classes="brand", href="/"):
                Tag("span", classes="mark", aria_hidden="true")
                Tag("span", "CulturePark")
            with Tag("nav", aria_label="Pages"):
                _links([link for link in links if not link.page.of_run][:1])
                of_run = [link for link in links if link.page.of_run]
                if of_run:
                    Tag("p", visit.current, classes="side-title", title="The run that is open")
                    _links(of_run)
                others = [link for link in links if not link.page.of_run][1:]
                if others:
                    Tag("p", "Tools", classes="side-title")
                    _links(others)
            with Tag("div", classes="side-foot"):
                with Tag("button", classes="quiet", type="button", data_theme=True):
                    icon("contrast")
                    Tag("span", "Light or dark")
                with Tag("button", classes="quiet", type="button", data_help=True):
                    icon("keyboard")
                    Tag("span", "Keys")
        with Tag("main", id="main", tabindex="-1"):
            if not page.own_heading:
                Tag("h1", page.title)
            yield
    _help(links)


def _links(links: list[Link]) -> None:
    with Tag("ul"):
        for link in links:
            with (
                Tag("li"),
                Tag("a", href=link.href, data_key=link.page.key, aria_current="page" if link.current else None),
            ):
                icon(link.page.icon)
                Tag("span", link.page.title)


def _help(links: list[Link]) -> None:
    with Tag("dialog", classes="help", id="help", aria_labelledby="help-title"):
        Tag("h2", "Keys", id="help-title")
        with Tag("dl"):
            for keys, what in (*KEYS, *((f"g {link.page.key}", link.page.title) for link in links)):
                with Tag("dt"):
                    Tag("kbd", keys)
                Tag("dd", what)
        with Tag("form", method="dialog"):
            Tag("button", "Close", classes="button")
