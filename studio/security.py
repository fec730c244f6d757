"""Who may ask, and what a browser may do with the answer: one ASGI layer around all pages.

Model text is data. NiceGUI sends it as JSON and Vue writes it as text; the content security policy is the second
fence. Scripts and style sheets in the page carry a nonce, so none that came with a text would run or apply. No address
but the studio's own is reachable from a page. Two exceptions are the frameworks': NiceGUI evaluates the handlers of
events and what the server asks a page to do, and its Vue compiles templates, all of which needs `unsafe-eval`; and
Plotly writes styles of its own into the two pages that it draws on.
"""

import secrets
from collections.abc import Mapping, Sequence
from http.cookies import SimpleCookie
from ipaddress import ip_address
from re import Pattern
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from culturepark.studio.keys import Keys, lesson_path

COOKIE: Final = "culturepark_token"
LESSON_COOKIE: Final = "culturepark_lesson"
"""Of a participant's browser, which is shown the lesson and nothing else."""
FOR_ALL: Final = ("/_nicegui/", "/_nicegui_ws/", "/static/")
"""What every page is made with; no data of a run lies there."""
HIDDEN: Final = "sha256-ZdHxw9eWtnxUb3mk6tBS+gIiVUPE3pGM470keHPDFlE="
"""Of `display: none`, the one `style` attribute in NiceGUI's page."""
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
HEADERS: Final[Mapping[str, str]] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def policy(nonce: str, *, charts: bool = False) -> str:
    """The content security policy of a page whose scripts and style sheets carry `nonce`.

    Args:
        nonce: Of this answer alone.
        charts: Whether Plotly draws on the page.
    """
    # A browser that is told a nonce or a hash takes no notice of `unsafe-inline`.
    styles = (
        ("style-src 'self' 'unsafe-inline'",)
        if charts
        else (f"style-src-elem 'self' 'nonce-{nonce}'", f"style-src-attr 'unsafe-hashes' '{HIDDEN}'")
    )
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'unsafe-eval' 'nonce-{nonce}'",
            *styles,
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def is_loopback(host: str) -> bool:
    """Whether an address is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Refuses strangers, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, *, keys: Keys, charts: Sequence[Pattern[str]]) -> None:
        """Without a token only requests that call this machine by a loopback name are answered.

        A name of somebody's own that leads to 127.0.0.1 would let their page read ours.

        Args:
            app: What is guarded.
            keys: What opens it.
            charts: Paths of the pages that Plotly draws on.
        """
        self._app = app
        self._keys = keys
        self._charts = charts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is None:
            sending = send if scope["type"] == "websocket" else self._dressed(scope, send)
            await self._app(scope, receive, sending)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, self._dressed(scope, send))

    def _dressed(self, scope: Scope, send: Send) -> "_Dressed":
        return _Dressed(send, charts=any(path.match(scope["path"]) for path in self._charts))

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        host = headers.get("host", "")
        if self._keys.token is None and urlsplit(f"//{host}").hostname not in LOOPBACK:
            return PlainTextResponse(f"{host!r} is not this machine's loopback address", status_code=403)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return PlainTextResponse("a page of another site asked for this", status_code=403)
        cookies = SimpleCookie(headers.get("cookie", ""))
        if COOKIE in cookies and self._keys.opens_all(cookies[COOKIE].value):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        admitted = self._admission(scope["path"], query)
        if admitted is not None:
            return admitted
        if LESSON_COOKIE in cookies:
            return self._to_participant(scope["path"], cookies[LESSON_COOKIE].value)
        if self._keys.token is None:
            return None
        return PlainTextResponse("open the address with ?token=… that the command printed", status_code=401)

    def _admission(self, path: str, query: Sequence[tuple[str, str]]) -> Response | None:
        """Turn a token of the address into a cookie; None where there is none that opens something."""
        tokens = [value for name, value in query if name == "token"]
        begun, _, run = path.partition("/lesson/")
        if any(map(self._keys.opens_all, tokens)):
            name, value = COOKIE, self._keys.token or ""
        elif not begun and any(self._keys.opens_lesson(run, token) for token in tokens):
            name, value = LESSON_COOKIE, self._keys.ticket(run)
        else:
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        # Out of the address bar, so that it is not copied along with a link.
        to = quote("/" + path.lstrip("/"))  # `//` would lead to another host
        answer = RedirectResponse(to + (f"?{rest}" if rest else ""), status_code=303)
        answer.set_cookie(name, value, httponly=True, samesite="lax")
        return answer

    def _to_participant(self, path: str, ticket: str) -> Response | None:
        """A browser that holds a lesson's ticket is a participant's, and of a run's pages sees the lesson alone."""
        run = self._keys.run_of(ticket)
        if run is None:
            return PlainTextResponse("this lesson's link has ended; ask for a new one", status_code=403)
        if path == f"/lesson/{run}" or path.startswith(FOR_ALL):
            return None
        return PlainTextResponse(f"this browser is at a lesson: {lesson_path(run)}", status_code=403)


class _Dressed:
    """Sends an answer on with the headers; an HTML page's scripts and styles get the nonce that its policy asks for."""

    def __init__(self, send: Send, *, charts: bool) -> None:
        self._send = send
        self._charts = charts
        self._page: dict[str, Any] | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message["headers"] if not name.startswith(b"access-control-")]
            extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message["headers"] = [*kept, *extra]
            if any(name == b"content-type" and value.startswith(b"text/html") for name, value in kept):
                self._page = dict(message)
                return
        elif message["type"] == "http.response.body" and self._page is not None:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            await self._send_page(self._page)
            return
        await self._send(message)

    async def _send_page(self, start: dict[str, Any]) -> None:
        nonce = secrets.token_urlsafe(16)
        # Texts are JSON in which `<` is written `&lt;`, so each tag of a page is the framework's or our own.
        body = self._body
        for tag in ("<script", "<style"):
            body = body.replace(tag.encode(), f'{tag} nonce="{nonce}"'.encode())
        kept = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        start["headers"] = [
            *kept,
            (b"content-length", str(len(body)).encode()),
            (b"content-security-policy", policy(nonce, charts=self._charts).encode()),
        ]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
