"""What a page is: a record in `pages.PAGES` that says where it lies and who draws it."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple, cast
from urllib.parse import quote, urlencode

from culturepark.runtime.errors import CultureParkError
from culturepark.studio.folder import Folder
from culturepark.studio.keys import Keys

_importing: Final = threading.Lock()


@dataclass(frozen=True)
class Visit:
    """One visit of one page: what the studio was started on, and what the address says."""

    folder: Folder
    params: Mapping[str, str]
    """Parts of the path by name, `run` among them on pages of a run."""
    query: Mapping[str, str]
    origin: str = ""
    """How the visitor calls the studio: `http://127.0.0.1:8080`."""
    keys: Keys = field(default_factory=Keys)

    @property
    def run(self) -> Path:
        """Folder of the run that the address names.

        Raises:
            CultureParkError: When there is no such run here.
        """
        return self.folder.run(self.params["run"])

    @property
    def current(self) -> str | None:
        """Name of the run that the menu leads to: the one visited, else the latest; None when there is none."""
        if "run" in self.params:
            return self.params["run"]
        return next(iter(self.folder.runs()), None)

    def number(self, name: str, default: int) -> int:
        """A whole number of the query.

        Raises:
            CultureParkError: For anything else.
        """
        text = self.query.get(name, str(default))
        if not text.isascii() or not text.isdigit():
            raise CultureParkError(f"{name} = {text!r} in the address is not a whole number")
        return int(text)


Drawing = Callable[[Visit], Awaitable[None] | None]


@dataclass(frozen=True)
class Page:
    """One page. A new one is a module in `pages/` with a `draw`, and its line in `pages/__init__.py`."""

    path: str
    """As FastAPI reads it; `/run/{run}/…` for a page of a run."""
    title: str
    module: str
    """In `pages/`. Its `draw(visit)` adds the page's elements inside `<main>`, below its heading.

    A `CultureParkError` is shown in their place.
    """
    icon: str = ""
    """Name of a Material icon, for the menu."""
    key: str | None = None
    """Pressed after `g`, goes there; None keeps the page out of the menu."""
    own_heading: bool = False
    """Whether `draw` makes the `<h1>`, because it depends on what is shown."""

    charts: bool = False
    """Whether Plotly draws on it."""
    bare: bool = False
    """Whether it stands alone: no menu, and no way to another page."""

    @property
    def of_run(self) -> bool:
        """Whether it is a page of one run."""
        return "{run}" in self.path

    def load(self) -> Drawing:
        """Read the page's module, once: together the pages import seconds of others' code."""
        # One at a time: of two threads that import the same circle of modules, one may see half of it.
        with _importing:
            return cast("Drawing", import_module(f"culturepark.studio.pages.{self.module}").draw)

    async def draw(self, visit: Visit) -> None:
        """Draw it here and now."""
        drawn = (await asyncio.to_thread(self.load))(visit)
        if inspect.isawaitable(drawn):
            await drawn


class Link(NamedTuple):
    """An entry of the menu."""

    page: Page
    href: str
    current: bool


def menu(pages: tuple[Page, ...], visit: Visit, at: Page) -> list[Link]:
    """What the menu offers; pages of a run lead to the current one, and are left out when there is none."""
    links = []
    for page in pages:
        if page.key is None or (page.of_run and visit.current is None):
            continue
        here = at.path == page.path or (at.key is None and at.path.startswith(f"{page.path}/"))
        links.append(Link(page, address(page.path, run=visit.current or ""), here))
    return links


def address(path: str, *, query: Mapping[str, object] | None = None, **params: str) -> str:
    """Fill in a path; every part is quoted, and empty values of the query are left out."""
    for name, value in params.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    given = {key: str(value) for key, value in (query or {}).items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path
