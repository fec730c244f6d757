"""Tuning at a hosted service: uploaded and paid for once; the same command goes on from where it stopped."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from culturepark.runtime.budget import training_price
from culturepark.runtime.console import note
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import sha256
from culturepark.runtime.models.fine_tuning import FineTuning, JobRequest, JobState
from culturepark.runtime.progress import show_steps
from culturepark.runtime.record import Record, build, not_json, read_text
from culturepark.runtime.whole_file import whole_file
from culturepark.training.hosted_settings import HostedSettings
from culturepark.training.row import Row
from culturepark.training.tokens import ESTIMATED

JOB: Final = "job.json"
"""In the folder of a training set: how its hosted job stands."""
SET_ASIDE: Final = "job-{}.json"
"""Beside it: a job that came to nothing, by its id."""


class HostedJob(Record):
    """A hosted job as the folder keeps it. Neither key nor address is ever written here."""

    inputs: str
    """Hash of the rows and of everything the service is asked for."""
    base: str
    training_file: str | None = None
    validation_file: str | None = None
    job: str | None = None
    status: str = "not created"
    model: str | None = None
    """The tuned model, as after `--model`."""
    trained_tokens: int | None = None
    reason: str | None = None


class Cost(Record):
    """What a job would cost."""

    tokens: int
    """Of all epochs, estimated."""
    money: float | None
    """US dollars by the price table; None where no price is known."""

    @property
    def words(self) -> str:
        """For people."""
        price = "at an unknown price" if self.money is None else f"about ${self.money:.2f}"
        return f"about {self.tokens} tokens, {price}"


def estimate_cost(rows: Sequence[Row], settings: HostedSettings) -> Cost:
    """Say what a job on rows would cost, before anything is sent."""
    tokens = settings.epochs * ESTIMATED.one_pass(rows)
    price = training_price(settings.base)
    return Cost(tokens=tokens, money=None if price is None else round(price * tokens / 1e6, 4))


def chat_lines(rows: Sequence[Row]) -> bytes:
    """Rows as the service reads them: one chat a line, each as often as it counts."""
    lines = [
        json.dumps({"messages": [message.model_dump() for message in row.messages]}, ensure_ascii=False) + "\n"
        for row in rows
        for _ in range(row.weight)
    ]
    return "".join(lines).encode()


def job_inputs(rows: Sequence[Row], validation: Sequence[Row], settings: HostedSettings, *, seed: int) -> str:
    """Hash of what a job is made from; the same work is the same job."""
    asked = settings.model_dump(mode="json", exclude={"base_url", "poll_seconds"})
    return sha256([[[row.id, row.weight] for row in part] for part in (rows, validation)] + [asked, seed])


def load_job(folder: Path) -> HostedJob | None:
    """Read how a folder's job stands; None before the first.

    Raises:
        CultureParkError: When the file is not one of ours.
    """
    path = folder / JOB
    if not path.exists():
        return None
    try:
        data = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise CultureParkError(f"{path}: {not_json(error)}; move it away to begin anew") from None
    return build(HostedJob, data, place=str(path))


def tune(
    service: FineTuning,
    rows: Sequence[Row],
    validation: Sequence[Row],
    settings: HostedSettings,
    folder: Path,
    *,
    name: str,
    seed: int,
    sleep: Callable[[float], None] = time.sleep,
) -> HostedJob:
    """Upload, create, follow to the end; what the folder says is done already is not done again.

    Args:
        service: Where.
        rows: To learn from.
        validation: Whose loss the service tells; may be empty.
        settings: What is asked for.
        folder: Keeps the job's state.
        name: Of the training set, for the progress bar and the model's name.
        seed: Of the service's randomness.
        sleep: Waits between two looks.

    Raises:
        FineTuningError: When the service refuses or cannot be reached; what is done stays done.
        KeyboardInterrupt: The job goes on at the service.
    """
    inputs = job_inputs(rows, validation, settings, seed=seed)
    job = load_job(folder)
    if job is None or job.inputs != inputs:
        job = HostedJob(inputs=inputs, base=settings.base)
    if job.job is None:
        job = _created(service, job, rows, validation, settings, folder, name=name, seed=seed)
    assert job.job is not None
    return _followed(service, job, folder, name=name, every=settings.poll_seconds, sleep=sleep)


def set_aside(folder: Path, job: HostedJob) -> None:
    """Let a job that came to nothing be created anew; the next one does not take it for its own."""
    (folder / JOB).rename(folder / SET_ASIDE.format(job.job))


def _given_up(folder: Path) -> set[str]:
    before, after = SET_ASIDE.split("{}")
    return {path.name.removeprefix(before).removesuffix(after) for path in folder.glob(SET_ASIDE.format("*"))}


def cancel(service: FineTuning, folder: Path) -> HostedJob:
    """Cancel a folder's job.

    Raises:
        CultureParkError: When there is none that could be.
    """
    job = load_job(folder)
    if job is None or job.job is None:
        raise CultureParkError(f"{folder}: no hosted job was created here, so there is nothing to cancel")
    if job.status in {"succeeded", "failed", "cancelled"}:
        raise CultureParkError(f"{folder}: job {job.job} has ended already ({job.status})")
    return _save(folder, _at(job, service.cancel(job.job)))


def _created(
    service: FineTuning,
    job: HostedJob,
    rows: Sequence[Row],
    validation: Sequence[Row],
    settings: HostedSettings,
    folder: Path,
    *,
    name: str,
    seed: int,
) -> HostedJob:
    """Upload what is not there yet and create the job, each step written down before the next."""
    short = job.inputs[:16]
    if job.training_file is None:
        uploaded = service.upload(f"culturepark-{short}-train.jsonl", chat_lines(rows))
        job = _save(folder, job.model_copy(update={"training_file": uploaded}))
    if validation and job.validation_file is None:
        uploaded = service.upload(f"culturepark-{short}-validation.jsonl", chat_lines(validation))
        job = _save(folder, job.model_copy(update={"validation_file": uploaded}))
    assert job.training_file is not None
    request = JobRequest(
        base=settings.base.removeprefix("openai:"),
        training_file=job.training_file,
        validation_file=job.validation_file,
        epochs=settings.epochs,
        batch=settings.batch,
        learning_rate_multiplier=settings.learning_rate_multiplier,
        suffix=settings.suffix or f"culturepark-{name}",
        seed=seed,
    )
    created = service.create(request, besides=_given_up(folder))
    return _save(folder, job.model_copy(update={"job": created, "status": "created"}))


def _followed(
    service: FineTuning, job: HostedJob, folder: Path, *, name: str, every: float, sleep: Callable[[float], None]
) -> HostedJob:
    """Tell what a job tells until it ends."""
    assert job.job is not None
    seen: set[str] = set()
    with show_steps(f"{name} ({job.job})") as show:
        while True:
            # State before events: what the last state reports has then been told.
            state = service.state(job.job)
            for event in service.events(job.job, seen=seen):
                if event.step is not None and event.steps is not None:
                    show(event.step, event.steps)
                else:
                    note(f"{name}: {event.message}")
            if state.status != job.status:
                job = _save(folder, _at(job, state))
            if state.ended:
                return job
            sleep(every)


def _at(job: HostedJob, state: JobState) -> HostedJob:
    return job.model_copy(
        update={
            "status": state.status,
            "model": None if state.model is None else f"openai:{state.model}",
            "trained_tokens": state.trained_tokens,
            "reason": state.reason,
        }
    )


def _save(folder: Path, job: HostedJob) -> HostedJob:
    text = json.dumps(job.model_dump(mode="json"), ensure_ascii=False, indent=2) + "\n"
    with whole_file(folder / JOB) as partial:
        partial.write_text(text, encoding="utf-8")
    return job
