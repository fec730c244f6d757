"""What opens the studio: one token for all of it, and one for a run's lesson that opens nothing else."""

import hmac
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from urllib.parse import quote, unquote, urlencode

LESSON: Final = "/lesson/{run}"
"""Path of the page that a participant sees."""


@dataclass(frozen=True)
class Keys:
    """Made anew with every start of the studio."""

    token: str | None = None
    """Opens everything; without it this machine's visitors need none."""
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def opens_all(self, given: str) -> bool:
        """Whether somebody may see every page."""
        return self.token is not None and hmac.compare_digest(given.encode(), self.token.encode())

    def of_lesson(self, run: str) -> str:
        """The token of a run's lesson."""
        return hmac.new(self._secret, run.encode(), sha256).hexdigest()[:32]

    def opens_lesson(self, run: str, given: str) -> bool:
        """Whether somebody may see a run's lesson."""
        return hmac.compare_digest(given.encode(), self.of_lesson(run).encode())

    def ticket(self, run: str) -> str:
        """What a participant's browser keeps: the run, and the token of its lesson."""
        return f"{quote(run, safe='')}:{self.of_lesson(run)}"

    def run_of(self, ticket: str) -> str | None:
        """The run whose lesson a ticket opens; None for one that this studio did not give out."""
        name, _, given = ticket.rpartition(":")
        run = unquote(name)
        return run if self.opens_lesson(run, given) else None

    def invitation(self, run: str) -> str:
        """Path and query that lead a participant to a run's lesson."""
        return f"{lesson_path(run)}?{urlencode({'token': self.of_lesson(run)})}"


def lesson_path(run: str) -> str:
    """Where a run's lesson lies."""
    return LESSON.replace("{run}", quote(run, safe=""))
