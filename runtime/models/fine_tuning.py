"""A hosted fine-tuning service: files, jobs and their events, over the `openai` package.

Reading is tried again where a fault may pass; what costs money is sent once, and whether it arrived is looked up.
Answers are read as plain JSON: the package's typed pages take a proxy's HTML for a page of jobs.
"""

import time
from collections.abc import Callable, Collection
from typing import Any, Final, NamedTuple, TypeVar

import openai
from openai import OpenAI

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.endpoint import KEY_VARIABLE, api_key, shortened, without_key

JOBS: Final = "/fine_tuning/jobs"
TRIES: Final = 6
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0
ENDED: Final = ("succeeded", "failed", "cancelled")
T = TypeVar("T")


class FineTuningError(CultureParkError):
    """The service refused, failed or could not be reached."""


class JobEvent(NamedTuple):
    """Something a job told."""

    id: str
    message: str
    step: int | None
    steps: int | None
    loss: float | None


class JobState(NamedTuple):
    """How a job stands."""

    id: str
    status: str
    """As the service says it: `validating_files`, `queued`, `running`, `succeeded`, `failed` or `cancelled`."""
    model: str | None
    """Name of the tuned model, once there is one."""
    trained_tokens: int | None
    reason: str | None
    """Why it failed, in the service's words."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ENDED


class JobRequest(NamedTuple):
    """What a job is asked for; None leaves a choice to the service."""

    base: str
    training_file: str
    validation_file: str | None
    epochs: int
    batch: int | None
    learning_rate_multiplier: float | None
    suffix: str | None
    seed: int


class FineTuning:
    """One service."""

    def __init__(self, base_url: str | None, *, timeout: float = 120.0, sleep: Callable[[float], None] = time.sleep):
        """`timeout` is seconds of one request; `sleep` waits between tries.

        Raises:
            CultureParkError: When no key is set.
        """
        self._where = base_url or "https://api.openai.com/v1"
        self._sleep = sleep
        self._key = api_key(base_url)
        self._client = OpenAI(api_key=self._key, base_url=base_url, max_retries=0, timeout=timeout)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def upload(self, name: str, content: bytes) -> str:
        """Upload a file once, under a name that tells its content; returns its id.

        Where the answer is lost on the way, the file is looked up before it is sent again.
        """

        def send() -> str:
            found = self._client.files.create(file=(name, content), purpose="fine-tune")
            if not isinstance(getattr(found, "id", None), str):
                raise self._foreign(found)
            return found.id

        return self._once(send, lambda: self._file(name))

    def create(self, job: JobRequest, *, besides: Collection[str] = ()) -> str:
        """Create a job once; returns its id. Where the answer is lost, the job is looked up by its training file.

        `besides` are earlier jobs on that file that came to nothing.
        """
        given = {
            "n_epochs": job.epochs,
            "batch_size": job.batch,
            "learning_rate_multiplier": job.learning_rate_multiplier,
        }
        hyperparameters = {name: value for name, value in given.items() if value is not None}
        body: dict[str, Any] = {
            "model": job.base,
            "training_file": job.training_file,
            "seed": job.seed,
            "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
        }
        if job.validation_file is not None:
            body["validation_file"] = job.validation_file
        if job.suffix is not None:
            body["suffix"] = job.suffix

        def send() -> str:
            return str(self._object(self._client.post(JOBS, body=body, cast_to=object), "id")["id"])

        return self._once(send, lambda: self.find_job(job.training_file, besides=besides))

    def find_job(self, training_file: str, *, besides: Collection[str] = ()) -> str | None:
        """The newest job on a training file but for those `besides`, or None."""
        found = (one for one in self._list(f"{JOBS}?limit=100") if one.get("training_file") == training_file)
        return next((str(one["id"]) for one in found if str(one["id"]) not in besides), None)

    def state(self, job: str) -> JobState:
        """How a job stands now."""
        return self._again(lambda: self._state(self._client.get(f"{JOBS}/{job}", cast_to=object)))

    def events(self, job: str, *, seen: set[str]) -> list[JobEvent]:
        """What a job told since, oldest first; `seen` collects the ids."""
        listed = self._list(f"{JOBS}/{job}/events?limit=100")
        new = [_event(one, self._key) for one in reversed(listed) if one["id"] not in seen]
        seen.update(one.id for one in new)
        return new

    def cancel(self, job: str) -> JobState:
        """Cancel a job."""
        return self._again(lambda: self._state(self._client.post(f"{JOBS}/{job}/cancel", cast_to=object)))

    def _file(self, name: str) -> str | None:
        listed = self._list("/files?purpose=fine-tune&limit=1000")
        return next((str(one["id"]) for one in listed if one.get("filename") == name), None)

    def _once(self, send: Callable[[], str], find: Callable[[], str | None]) -> str:
        """Send what must not be sent twice: it is looked up first, and again after every lost answer."""
        wait = FIRST_WAIT
        for last in (*[False] * (TRIES - 1), True):
            if (found := find()) is not None:
                return found
            try:
                return send()
            except Exception as error:
                self._judge(error, last=last)
            self._sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        raise AssertionError("the last try returns or raises")

    def _again(self, read: Callable[[], T]) -> T:
        """Read, trying again while the fault may pass."""
        wait = FIRST_WAIT
        for last in (*[False] * (TRIES - 1), True):
            try:
                return read()
            except Exception as error:
                self._judge(error, last=last)
            self._sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        raise AssertionError("the last try returns or raises")

    def _judge(self, error: Exception, *, last: bool) -> None:
        """Raise what no second try can mend, in words; pass over what may pass."""
        if isinstance(error, openai.APIStatusError):
            status, said = error.status_code, self._said(error)
            if status in {401, 403}:
                raise FineTuningError(f"{self._where}: the key was refused (HTTP {status}); check {KEY_VARIABLE}")
            if (status not in {408, 409, 429} and status < 500) or last:
                raise FineTuningError(f"{self._where}: HTTP {status} {said}")
        elif isinstance(error, openai.APIConnectionError):
            if last:
                raise FineTuningError(f"{self._where}: no answer ({error.message}); is --base-url right?")
        elif isinstance(error, ValueError | RecursionError | openai.APIResponseValidationError):
            if last:
                raise FineTuningError(f"{self._where}: answers are not JSON; check --base-url")
        else:
            raise error

    def _object(self, answer: object, *fields: str) -> dict[str, Any]:
        """An answer that is a JSON object with certain fields."""
        if not isinstance(answer, dict) or any(field not in answer for field in fields):
            raise self._foreign(answer)
        return answer

    def _list(self, path: str) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            data = self._object(self._client.get(path, cast_to=object), "data")["data"]
            if not isinstance(data, list):
                raise self._foreign(data)
            return [self._object(one, "id") for one in data]

        return self._again(read)

    def _state(self, answer: object) -> JobState:
        found = self._object(answer, "id", "status")
        error = found.get("error")
        return JobState(
            id=str(found["id"]),
            status=str(found["status"]),
            model=found.get("fine_tuned_model"),
            trained_tokens=found.get("trained_tokens"),
            reason=without_key(str(error["message"]), self._key)
            if isinstance(error, dict) and error.get("message")
            else None,
        )

    def _foreign(self, answer: object) -> FineTuningError:
        return FineTuningError(
            f"{self._where}: answers, but not as an OpenAI-compatible fine-tuning service ({self._short(answer)}); "
            "check --base-url, which usually ends in /v1"
        )

    def _said(self, error: openai.APIStatusError) -> str:
        """The service's own words, short."""
        body = error.body
        said = body.get("message") if isinstance(body, dict) else None
        return self._short(said or body or "")

    def _short(self, value: object) -> str:
        return shortened(value, key=self._key, most=160)


def _event(one: dict[str, Any], key: str) -> JobEvent:
    told = one.get("data")
    data = told if isinstance(told, dict) else {}
    step, steps, loss = data.get("step"), data.get("total_steps"), data.get("train_loss")
    return JobEvent(
        id=str(one["id"]),
        message=without_key(str(one.get("message", "")), key),
        step=step if isinstance(step, int) else None,
        steps=steps if isinstance(steps, int) else None,
        loss=float(loss) if isinstance(loss, int | float) else None,
    )
