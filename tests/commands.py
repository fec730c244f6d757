"""The command line, run in this process."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from culturepark.cli import app
from culturepark.runtime.errors import CultureParkError


def command(*arguments: object, expect: int = 0, stdin: str | None = None) -> str:
    """Run a command; returns its stdout."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == expect, done.output
    return done.stdout


def document(*arguments: object, expect: int = 0) -> Any:
    """Run a command with --json; returns the document."""
    return json.loads(command(*arguments, "--json", expect=expect))


def mistake(*arguments: object) -> str:
    """Run a command that the user got wrong; returns the one line that says so."""
    with pytest.raises(CultureParkError) as caught:
        command(*arguments)
    line = str(caught.value)
    assert "\n" not in line
    return line
