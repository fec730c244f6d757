"""The studio's web server: a socket of its own, so that a busy port is one clear line."""

import secrets
import socket
from collections.abc import Callable

import uvicorn

from culturepark.runtime.errors import CultureParkError
from culturepark.studio.app import create_app
from culturepark.studio.folder import Folder
from culturepark.studio.keys import Keys
from culturepark.studio.security import is_loopback


def serve(folder: Folder, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve the pages until interrupted.

    Args:
        folder: What is shown.
        host: Address to listen on. Others than loopback ask every visitor for a token.
        port: 0 takes a free one.
        ready: Called with the address to open once the socket listens.

    Raises:
        CultureParkError: When the address cannot be had.
    """
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    listening = _listen(host, port)
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{listening.getsockname()[1]}/" + (f"?token={token}" if token else "")
    config = uvicorn.Config(create_app(folder, Keys(token)), log_level="warning", timeout_graceful_shutdown=1)
    ready(address)
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise CultureParkError(
            f"{host}:{port} cannot be listened on ({error.strerror}); choose another --port"
        ) from None
    return listening
