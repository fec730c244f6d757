"""The errors a user can mend, and the words that help them do it."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from culturepark.runtime.request import Request


class CultureParkError(Exception):
    """A mistake the user can mend: one line with the value, the place and the way out. Exit code 2."""


class BudgetSpentError(CultureParkError):
    """The next request could exceed the budget. What is done is kept; the run ends with exit code 1."""


class ModelError(CultureParkError):
    """The endpoint gave no usable reply after every retry. One talk fails with it, the others go on."""


class NotCommittedError(ModelError):
    """The model is off, and the run holds no reply to this request."""

    def __init__(self, request: "Request", *, key: str) -> None:
        super().__init__(f"no committed reply {key[:12]} for a {request.purpose!r} request, and the model is off")
        self.request = request


class EndpointDownError(CultureParkError):
    """The endpoint cannot be used at all (refused, wrong key, not an OpenAI-compatible server)."""


class RetryableError(Exception):
    """A try that brought no reply, of a request that may yet be answered. Never leaves the ledger."""

    def __init__(
        self,
        reason: str,
        *,
        kind: Literal["fault", "busy", "again"] = "fault",
        after: float | None = None,
        reached: bool = True,
        billed: bool = False,
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        """`fault` of the endpoint or the way to it, `busy` with too many requests, or `again`: asked otherwise now."""
        self.after = after
        """Seconds the server asked us to wait, or None."""
        self.reached = reached
        """False when no connection was made at all."""
        self.billed = billed
        """Whether the endpoint may have written, and charge for, a reply that did not arrive whole."""


def did_you_mean(value: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest known name, or an empty string."""
    close = get_close_matches(value, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown(kind: str, value: str, known: Iterable[str], *, place: str = "") -> CultureParkError:
    """Build the error for a name that is not in a table: what was written, the closest, all there are."""
    names = sorted(known)
    hint = did_you_mean(value, names) or "."
    where = f"{place}: " if place else ""
    return CultureParkError(f"{where}no {kind} named {value!r}{hint} Known: {', '.join(names)}.")
