"""Model text is data: whatever a talk says stands on the page as text, and strangers get no answer."""

import http.client
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from culturepark.runtime.read_only import looking
from culturepark.simulation.talks import load_transcripts
from culturepark.studio.page import address
from culturepark.studio.pages import PAGES
from culturepark.studio.tags import shown
from tests.studio.conftest import Made, Running, start, stop
from tests.studio.test_pages import process

pytestmark = pytest.mark.slow
TEXTS = (
    "<img src=x onerror=\"document.title='owned'\">",
    "</script><script>document.title='owned'</script>",
    "{{ constructor.constructor(\"document.title='owned'\")() }} ${document.title='owned'} `x`",
    "\x1b[31mred\x1b[0m and \x1b]8;;http://example.com\x07a link\x1b]8;;\x07",
    "\N{GRINNING FACE}" * 10_000,
    "abc \u202eevil\u202c \u2066x\u2069 \u200f",
    "[a link](javascript:document.title='owned') http://example.com/ <a href=http://example.com>here</a>",
    "أعتقد أن العائلة تأتي أولاً، ثم العمل.",
)


@pytest.fixture
def hostile(studio: Running) -> str:
    """Id of a talk that says all that, in Arabic as far as anybody knows."""
    said = [{"speaker": ("Anna", "Omar")[number % 2], "text": text} for number, text in enumerate(TEXTS)]
    file = studio.folder / "hostile.json"
    file.write_text(json.dumps(said), encoding="utf-8")
    seats = ("--seat", "Anna=german:female", "--seat", "Omar=arabic_abdul", "--stance", "Omar=1", "--language", "ar")
    done = process("transcripts", "import", str(file), "--run", str(studio.run), "--question", "wvs7:Q38", *seats)
    assert done.wait() == 0
    with looking(studio.run) as store:
        return next(talk.id for talk in load_transcripts(store) if talk.turns and talk.turns[0].text == TEXTS[0])


def test_hostile_texts_are_shown_as_text(
    studio: Running, hostile: str, tab: Any, accessible: Callable[[Any], None], picture: Callable[[Any, str], Path]
) -> None:
    tab.goto(f"{studio.url}/run/quickstart/talk/{hostile}")
    tab.wait_for_function("count => document.querySelectorAll('.words').length === count", arg=len(TEXTS))

    assert tab.locator(".words").all_text_contents() == [shown(text) for text in TEXTS]
    assert tab.locator("#main img, #main .words a, #main script").count() == 0
    assert tab.locator(".words").last.evaluate("element => getComputedStyle(element).direction") == "rtl"
    accessible(tab)
    picture(tab, "hostile")
    for query in ("text=onerror", "text=%1b[31m", "text=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"):
        tab.goto(f"{studio.url}/run/quickstart/dialogues?{query}")
        tab.get_by_role("searchbox").wait_for()
    assert tab.title() == "Dialogues · CulturePark"


def answer(url: str, path: str = "/", **headers: str) -> tuple[int, dict[str, str], str]:
    """Ask as any program can: status, headers and text."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=60)
    connection.request("GET", path, headers=headers)
    reply = connection.getresponse()
    found = reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read().decode()
    connection.close()
    return found


def test_pages_forbid_scripts_that_came_with_a_text(library: Running) -> None:
    status, headers, page = answer(library.url)

    policy = headers["content-security-policy"]
    nonce = re.search(r"'nonce-([\w-]+)'", policy)
    assert nonce is not None
    assert status == 200
    assert policy == (
        f"default-src 'self'; script-src 'self' 'unsafe-eval' 'nonce-{nonce[1]}'; style-src-elem 'self' "
        f"'nonce-{nonce[1]}'; style-src-attr 'unsafe-hashes' 'sha256-ZdHxw9eWtnxUb3mk6tBS+gIiVUPE3pGM470keHPDFlE='; "
        "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert re.findall(r"<(?:script|style)(?! nonce=\"([\w-]+)\")", page) == []
    assert set(re.findall(r"<(?:script|style) nonce=\"([\w-]+)\"", page)) == {nonce[1]}
    assert re.findall(r" style=\"([^\"]*)\"", page) == ["display: none"]
    assert nonce[1] not in answer(library.url)[1]["content-security-policy"]
    assert (headers["x-frame-options"], headers["referrer-policy"]) == ("DENY", "no-referrer")


def test_only_pages_with_charts_let_styles_be_written(library: Running) -> None:
    loose = {
        page.module
        for page in PAGES
        if "style-src 'self' 'unsafe-inline';"
        in answer(library.url, address(page.path, run="quickstart", talk="t_1", sample="s_1"))[1][
            "content-security-policy"
        ]
    }

    assert loose == {"opinions", "results"}


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        pytest.param("/", {"Host": "evil.example:80"}, id="a-name-that-leads-here"),
        pytest.param("/", {"Origin": "http://evil.example"}, id="a-page-elsewhere"),
        pytest.param(
            "/_nicegui_ws/socket.io/?EIO=4&transport=polling", {"Origin": "http://evil.example"}, id="its-socket"
        ),
    ],
)
def test_other_sites_get_no_answer(library: Running, path: str, headers: dict[str, str]) -> None:
    status, answered, _ = answer(library.url, path, **headers)

    assert status == 403
    assert "access-control-allow-origin" not in answered


def test_beyond_this_machine_a_token_is_asked_for(made: Made) -> None:
    running = start(made.folder, made.stub, "--host", "0.0.0.0")
    try:
        address, _, token = running.url.partition("?token=")
        address = address.replace("0.0.0.0", "127.0.0.1")
        assert len(token) >= 32
        assert answer(address)[0] == 401
        assert answer(address, "/static/studio.css")[0] == 401
        assert answer(address, "/?token=wrong")[0] == 401
        status, headers, _ = answer(address, f"/run/quickstart/dialogues?culture=korean&token={token}")
        assert (status, headers["location"]) == (303, "/run/quickstart/dialogues?culture=korean")
        cookie = headers["set-cookie"].partition(";")[0]
        assert "httponly" in headers["set-cookie"].lower()
        assert answer(address, "/run/quickstart/dialogues?culture=korean", Cookie=cookie)[0] == 200

        page = answer(address, "/run/quickstart/classroom", Cookie=cookie)[2]
        assert "/lesson/quickstart?token=" not in page  # no classroom is set up
        assert answer(address, "/lesson/quickstart")[0] == 401
        assert answer(address, "/lesson/quickstart?token=wrong")[0] == 401
    finally:
        stop(running)


def test_a_busy_port_is_one_line(library: Running) -> None:
    import subprocess
    import sys

    port = str(urlsplit(library.url).port)
    options = ("studio", str(library.folder), "--port", port, "--no-browser")
    done = subprocess.run([sys.executable, "-m", "culturepark", *options], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert (
        done.stderr
        == f"error: 127.0.0.1:{port} cannot be listened on (Address already in use); choose another --port\n"
    )
