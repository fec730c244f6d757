"""Who may ask, and what a browser may do with the answer: one ASGI layer around all pages.

Model text is data. NiceGUI sends it as JSON and Vue writes it as text; the content security policy is the second
fence. Scripts in the page carry a nonce, so none that came with a text would run. NiceGUI's Vue compiles templates in
the browser, which needs `unsafe-eval`, and Quasar sets `style` attributes, which needs `unsafe-inline` for styles
only. No address but the studio's own is reachable from a page.
"""

import secrets
from collections.abc import Mapping
from http.cookies import SimpleCookie
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "culturepark_token"
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
HEADERS: Final[Mapping[str, str]] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def policy(nonce: str) -> str:
    """The content security policy of a page whose scripts carry `nonce`."""
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'unsafe-eval' 'nonce-{nonce}'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
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

    def __init__(self, app: ASGIApp, *, token: str | None) -> None:
        """Without a token only requests that call this machine by a loopback name are answered.

        A name of somebody's own that leads to 127.0.0.1 would let their page read ours.
        """
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is None:
            sending = send if scope["type"] == "websocket" else _Dressed(send)
            await self._app(scope, receive, sending)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, _Dressed(send))

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        host = headers.get("host", "")
        if self._token is None and urlsplit(f"//{host}").hostname not in LOOPBACK:
            return PlainTextResponse(f"{host!r} is not this machine's loopback address", status_code=403)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return PlainTextResponse("a page of another site asked for this", status_code=403)
        return None if self._token is None else self._without_token(scope, headers, self._token)

    def _without_token(self, scope: Scope, headers: Mapping[str, str], token: str) -> Response | None:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        if cookie is not None and secrets.compare_digest(cookie.value.encode(), token.encode()):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        if not any(name == "token" and secrets.compare_digest(value.encode(), token.encode()) for name, value in query):
            return PlainTextResponse("open the address with ?token=… that the command printed", status_code=401)
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        # Out of the address bar, so that it is not copied along with a link.
        answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), status_code=303)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="lax")
        return answer


class _Dressed:
    """Sends an answer on with the headers; scripts of an HTML page get the nonce that its policy asks for."""

    def __init__(self, send: Send) -> None:
        self._send = send
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
        # Texts are JSON in which `<` is written `&lt;`, so each `<script` of a page is the framework's or our own.
        body = self._body.replace(b"<script", f'<script nonce="{nonce}"'.encode())
        kept = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        start["headers"] = [
            *kept,
            (b"content-length", str(len(body)).encode()),
            (b"content-security-policy", policy(nonce).encode()),
        ]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
