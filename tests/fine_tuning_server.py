"""A server that speaks the fine-tuning API: files, jobs, events, cancel; able to fail, delay, drop connections.

`with serving(...) as server: ... server.base_url`. It trains nothing: a job runs through its statuses as it is looked at.
"""

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

Fault = Literal["status", "drop_before", "drop_after", "html"]
STATUSES = ("validating_files", "queued", "running", "running", "succeeded")


@dataclass
class Trouble:
    """What goes wrong with requests of one kind, e.g. `POST /files`."""

    route: str
    kind: Fault
    times: int = 1
    """Requests that are hit, counted from the first."""
    status: int = 503
    """`drop_before` closes the connection before doing anything, `drop_after` once it is done."""
    says: str = "try later"
    """The words of an error."""


@dataclass
class FineTuningServer:
    """What was uploaded and asked for, and how jobs go."""

    fail: str | None = None
    """Jobs end as failed, with this reason."""
    endless: bool = False
    """Jobs keep running until they are cancelled."""
    key: str | None = None
    troubles: Sequence[Trouble] = ()
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Name and content by id."""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    base_url: str = ""
    on_look: Any = None
    """Called at each look at a job, with the number of looks so far."""

    def posts(self, route: str) -> int:
        """How many requests of a kind came."""
        return self.requests.count(f"POST {route}")

    def trouble(self, route: str) -> Trouble | None:
        for one in self.troubles:
            if one.route == route and one.times > 0:
                one.times -= 1
                return one
        return None

    def look(self, job: dict[str, Any]) -> None:
        """A job goes one step on each time its state is read."""
        job["looks"] += 1
        if self.on_look is not None:
            self.on_look(job["looks"])
        if job["status"] in {"succeeded", "failed", "cancelled"}:
            return
        status = STATUSES[min(job["looks"], len(STATUSES) - 1)]
        if self.endless and status == "succeeded":
            status = "running"
        if status == "succeeded" and self.fail is not None:
            job["status"], job["error"] = "failed", {"code": "invalid", "message": self.fail, "param": None}
        else:
            job["status"] = status
        if job["status"] == "succeeded":
            job["fine_tuned_model"] = f"ft:{job['model']}:{job['suffix']}"
            job["trained_tokens"] = 1234


def _public(job: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in job.items() if key not in {"looks", "suffix"}}


def _events(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Newest first, as the API lists them."""
    steps = min(job["looks"], 4)
    events = [_event(job, 0, "message", "Created fine-tuning job", None)]
    for step in range(1, steps + 1):
        data = {"step": step * 25, "total_steps": 100, "train_loss": 2.0 / step}
        events.append(_event(job, step, "metrics", f"Step {step * 25}/100", data))
    return events[::-1]


def _event(job: dict[str, Any], number: int, kind: str, message: str, data: Any) -> dict[str, Any]:
    return {
        "object": "fine_tuning.job.event", "id": f"ftevent-{job['id']}-{number}", "created_at": number,
        "level": "info", "type": kind, "message": message, "data": data,
    }  # fmt: skip


@contextlib.contextmanager
def serving(**settings: Any) -> Iterator[FineTuningServer]:
    """The server in a thread of its own, on a free loopback port."""
    server = FineTuningServer(**settings)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            path = urlsplit(self.path).path.removeprefix("/v1")
            parts = path.strip("/").split("/")
            if parts[0] == "fine_tuning" and len(parts) > 2:
                parts[2] = "ID"
            route = "/" + "/".join(parts)
            with lock:
                server.requests.append(f"{method} {route}")
                trouble = server.trouble(f"{method} {route}")
                if trouble is not None and trouble.kind == "drop_before":
                    self._drop()
                    return
                if trouble is not None and trouble.kind == "html":
                    self._send(200, b"<html>Please log in</html>", "text/html")
                    return
                if trouble is not None and trouble.kind == "status":
                    self._error(trouble.status, trouble.says)
                    return
                if server.key is not None and self.headers.get("authorization") != f"Bearer {server.key}":
                    self._error(401, "wrong key")
                    return
                body = self._handle(method, path, content)
                if trouble is not None and trouble.kind == "drop_after":
                    self._drop()
                    return
            if body is None:
                self._error(404, f"no such thing: {path}")
            else:
                self._send(200, json.dumps(body).encode(), "application/json")

        def _handle(self, method: str, path: str, content: bytes) -> dict[str, Any] | None:
            parts = path.strip("/").split("/")
            if path == "/files":
                return (
                    self._upload(content) if method == "POST" else _list([_file(*one) for one in server.files.items()])
                )
            if path == "/fine_tuning/jobs":
                if method == "POST":
                    return self._create(json.loads(content))
                return _list([_public(job) for job in reversed(server.jobs.values())])
            job = server.jobs.get(parts[2]) if parts[:2] == ["fine_tuning", "jobs"] else None
            if job is None:
                return None
            if parts[3:] == ["events"]:
                return _list(_events(job))
            if parts[3:] == ["cancel"]:
                job["status"] = "cancelled"
            else:
                server.look(job)
            return _public(job)

        def _upload(self, content: bytes) -> dict[str, Any]:
            header = b"content-type: " + self.headers["content-type"].encode() + b"\r\n\r\n"
            form: Message = BytesParser(policy=HTTP).parsebytes(header + content)
            (file,) = [part for part in form.get_payload() if part.get_filename() is not None]  # type: ignore[union-attr]
            found = f"file-{len(server.files) + 1}"
            server.files[found] = (str(file.get_filename()), file.get_payload(decode=True))  # type: ignore[union-attr]
            return _file(found, server.files[found])

        def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
            found = f"ftjob-{len(server.jobs) + 1}"
            server.jobs[found] = {
                "id": found, "object": "fine_tuning.job", "created_at": 1, "error": None, "fine_tuned_model": None,
                "finished_at": None, "hyperparameters": asked["method"]["supervised"]["hyperparameters"],
                "model": asked["model"], "organization_id": "org", "result_files": [], "seed": asked["seed"],
                "status": STATUSES[0], "trained_tokens": None, "training_file": asked["training_file"],
                "validation_file": asked.get("validation_file"), "suffix": asked.get("suffix"), "looks": 0,
            }  # fmt: skip
            return _public(server.jobs[found])

        def _error(self, status: int, message: str) -> None:
            self._send(status, json.dumps({"error": {"message": message, "code": None}}).encode(), "application/json")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _drop(self) -> None:
            self.close_connection = True

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that went away is part of the game."""

    http = Quiet(("127.0.0.1", 0), Handler)
    server.base_url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _file(found: str, file: tuple[str, bytes]) -> dict[str, Any]:
    return {
        "id": found, "object": "file", "bytes": len(file[1]), "created_at": 1, "filename": file[0],
        "purpose": "fine-tune", "status": "processed",
    }  # fmt: skip


def _list(data: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": data, "has_more": False}
