"""What is wrong, or looks wrong, in a persona file: where, what, and how to mend it."""

from typing import Literal

from culturepark.personas.placed import Placed
from culturepark.runtime.record import Record

Level = Literal["error", "warning"]


class Finding(Record):
    """One line of `personas lint`; an error also stops a study."""

    file: str
    line: int
    """From 1."""
    level: Level
    rule: str
    """A short stable word, e.g. `unknown_field`."""
    what: str
    fix: str

    @property
    def sentence(self) -> str:
        """Place, what and fix in one line."""
        return f"{self.file}:{self.line}: {self.what}; {self.fix}"


def finding(where: Placed, rule: str, what: str, fix: str, *, level: Level = "error") -> Finding:
    """Make a finding about a value in a file."""
    return Finding(file=where.file, line=where.line, level=level, rule=rule, what=what, fix=fix)
