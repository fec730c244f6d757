"""`models list|card|merge|push` on an adapter of the tiny base, over the real command line."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from culturepark.cli import app
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.adapters import Found, adapter_sha256, find_adapter, read_adapter
from culturepark.training.local import train_adapter
from culturepark.training.lora_settings import LoraSettings
from culturepark.training.merging import load_adapted, merge_adapter
from culturepark.training.weights import find_base
from tests.training.tiny import make_rows, tiny_base

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def place(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder whose runs/small holds an adapter."""
    folder = tmp_path_factory.mktemp("work")
    settings = LoraSettings(base=str(base), rank=4, max_steps=2, learning_rate=0.1, schedule="constant")
    train_adapter(make_rows(8), [], settings, folder / "runs/small/adapters/arabic")
    return folder


@pytest.fixture(autouse=True)
def _in_place(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("CULTUREPARK_ADAPTERS", str(tmp_path / "none"))


def test_list_shows_adapters_beside_built_in_models(place: Path) -> None:
    shown = CliRunner().invoke(app, ["models", "list", "--json"])

    last = json.loads(shown.stdout)[-1]
    sha = adapter_sha256(place / "runs/small/adapters/arabic")[:12]
    assert (last["model"], last["kind"], last["for"]) == ("tiny-llama+small/arabic", "adapter", f"arabic; sha256 {sha}")


def test_an_adapter_is_found_by_folder_name_and_hash(place: Path) -> None:
    folder = Path("runs/small/adapters/arabic")
    found = Found("small/arabic", folder, read_adapter(folder))

    for name in ("small/arabic", "arabic", adapter_sha256(folder)[:12]):
        assert find_adapter(name) == found
    assert find_adapter(str(folder)).folder == folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("small/arabik", "there is no adapter 'small/arabik'; did you mean 'small/arabic'?; known: small/arabic"),
        ("runs", "runs: is no adapter folder (no adapter_config.json and no adapter_model.safetensors)"),
    ],
)
def test_what_is_no_adapter_is_said_in_one_line(name: str, message: str) -> None:
    with pytest.raises(CultureParkError) as error:
        find_adapter(name)

    assert str(error.value) == message


def test_card_prints_the_card(place: Path) -> None:
    shown = CliRunner().invoke(app, ["models", "card", "arabic"])

    assert shown.exit_code == 0
    assert "# `arabic`" in shown.stdout
    assert "| JOR | 8 |" in shown.stdout


def test_merged_is_unmerged(base: Path, tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["models", "merge", "arabic", "--out", str(tmp_path / "m"), "--base", str(base)])
    assert shown.exit_code == 0, shown.output

    ids = torch.arange(40)[None]
    adapted = load_adapted(Path("runs/small/adapters/arabic"), find_base(str(base)))
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "m")
    with torch.no_grad():
        unmerged_logits, merged_logits = adapted(ids).logits, merged(ids).logits
        with adapted.disable_adapter():
            base_logits = adapted(ids).logits
    assert (merged_logits - unmerged_logits).abs().max() < 1e-3
    assert (unmerged_logits - base_logits).abs().max() > 0.01
    with pytest.raises(CultureParkError, match=r"m: is there already; choose another --out$"):
        merge_adapter(Path("runs/small/adapters/arabic"), tmp_path / "m", base=str(base))


def test_merging_into_another_base_is_refused(tmp_path: Path) -> None:
    other = tiny_base(tmp_path / "other", seed=1)
    adapter = Path("runs/small/adapters/arabic")
    trained_on = read_adapter(adapter).base_sha256[:12]

    with pytest.raises(CultureParkError) as error:
        merge_adapter(adapter, tmp_path / "m", base=str(other))

    assert str(error.value) == (
        f"adapter 'runs/small/adapters/arabic' was trained on tiny-llama ({trained_on}), not on other "
        f"({find_base(str(other)).sha256[:12]}); use it with its own base"
    )


def test_push_asks_first_and_a_dry_run_sends_nothing() -> None:
    listed = CliRunner().invoke(app, ["models", "push", "arabic", "me/arabic", "--dry-run"])
    asked = CliRunner().invoke(app, ["models", "push", "arabic", "me/arabic"], input="n\n")

    assert [line.split("\t")[0] for line in listed.stdout.splitlines()] == [
        "file",
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "culturepark.json",
        "curves.jsonl",
        "curves.png",
    ]
    assert asked.exit_code == 1
    assert "Send them?" in asked.stderr


@contextmanager
def hub() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A hub on loopback that takes one commit: its address, and the files it was sent."""
    taken: dict[str, bytes] = {}

    class Hub(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer: dict[str, object] = {"url": f"{address}/me/arabic"}
            if "/preupload/" in self.path:
                files = json.loads(body)["files"]
                answer = {"files": [{**file, "uploadMode": "regular", "shouldIgnore": False} for file in files]}
            elif "/commit/" in self.path:
                for line in map(json.loads, body.splitlines()):
                    if line["key"] == "file":
                        taken[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                answer = {"commitUrl": f"{address}/me/arabic/commit/abc", "commitOid": "abc", "success": True}
            self.reply(200, answer)

        def do_GET(self) -> None:
            self.reply(200, {"id": "me/arabic", "siblings": []})

        def reply(self, status: int, answer: dict[str, object]) -> None:
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield address, taken
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.slow
def test_push_sends_the_adapter_and_not_its_rows(place: Path, tmp_path: Path) -> None:
    (place / "runs/small/adapters/arabic/rows.jsonl").write_text("{}\n", encoding="utf-8")
    with hub() as (address, taken):
        done = subprocess.run(
            [sys.executable, "-m", "culturepark", "models", "push", "arabic", "me/arabic", "--yes"],
            env={**os.environ, "HF_ENDPOINT": address, "HF_TOKEN": "hf_none", "HF_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{address}/me/arabic/commit/abc\n"
    folder = place / "runs/small/adapters/arabic"
    assert set(taken) >= {"README.md", "adapter_config.json", "adapter_model.safetensors", "culturepark.json"}
    assert all(taken[name] == (folder / name).read_bytes() for name in taken)
    assert "rows.jsonl" not in taken
