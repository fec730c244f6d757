"""The web application: pages on NiceGUI, behind one guard."""

import threading
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from nicegui import app, ui
from starlette.routing import compile_path
from starlette.staticfiles import StaticFiles

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import sha256
from culturepark.studio.folder import Folder
from culturepark.studio.keys import Keys
from culturepark.studio.layout import framed
from culturepark.studio.page import Page, Visit
from culturepark.studio.pages import PAGES
from culturepark.studio.security import Guard
from culturepark.studio.tags import Tag

THEME: Final = "culturepark_theme"
"""Cookie: `light` or `dark`; the system's choice without."""
PAGE_SECONDS: Final = 60.0
"""A page may take this long to be made before the browser gives up on it."""


def create_app(folder: Folder, keys: Keys) -> FastAPI:
    """Make the application. NiceGUI keeps its pages in the process, so there is one studio a process.

    Args:
        folder: What it shows.
        keys: What opens it.
    """
    api = FastAPI(openapi_url=None)
    with as_file(files(__package__) / "static") as static:
        api.mount("/static", StaticFiles(directory=static))
        version = sha256([path.read_text("utf-8") for path in sorted(Path(static).iterdir())])[:12]
    ui.add_head_html(
        f'<link rel="stylesheet" href="/static/studio.css?{version}">'
        f'<link rel="stylesheet" href="/static/lessons.css?{version}">'
        f'<script defer src="/static/studio.js?{version}"></script>',
        shared=True,
    )
    for page in PAGES:
        _register(page, folder, keys)
    app.on_connect(_reading_ahead())
    # Quasar's bar over the page names itself nowhere, which a screen reader stumbles over.
    app.config.quasar_config["loadingBar"]["skipHijack"] = True
    ui.run_with(
        api,
        title="CulturePark",
        language="en-US",
        tailwind=False,
        dark=None,
        gzip_middleware_factory=None,
        show_welcome_message=False,
    )
    api.add_middleware(Guard, keys=keys, charts=[compile_path(page.path)[0] for page in PAGES if page.charts])
    return api


def _register(page: Page, folder: Folder, keys: Keys) -> None:
    @ui.page(page.path, title=f"{page.title} · CulturePark", response_timeout=PAGE_SECONDS)
    async def shown(request: Request) -> None:
        params = {name: str(value) for name, value in request.path_params.items()}
        visit = Visit(folder, params, dict(request.query_params), origin=str(request.base_url).rstrip("/"), keys=keys)
        theme = request.cookies.get(THEME)
        ui.dark_mode(None if theme not in {"light", "dark"} else theme == "dark")
        with framed(page, PAGES, visit):
            try:
                await page.draw(visit)
            except CultureParkError as error:
                refused(str(error))


def _reading_ahead() -> Callable[[], None]:
    """What reads the other pages' modules, beside the work, as soon as the first page is on somebody's screen."""
    ahead = threading.Thread(target=lambda: [page.load() for page in PAGES], name="studio-pages", daemon=True)

    def begin() -> None:
        if ahead.ident is None:
            ahead.start()

    return begin


def refused(text: str) -> None:
    """Show a mistake the user can mend, as the command line would say it."""
    with Tag("section", classes="refused", role="alert"):
        Tag("p", text)
