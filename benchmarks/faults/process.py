"""Commands in processes of their own that start at once: forked from a server that has the heavy imports done.

A process of ours is killed hundreds of times here, and what is tested is what it leaves on the disk, not the seconds in
which Python imports torch.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

PRELOADED = (
    "culturepark.cli",
    "culturepark.pipeline",
    "culturepark.runtime.models.embedders",
    "culturepark.training.job",
    "culturepark.training.trainer",
    "benchmarks.faults.process",
)


@lru_cache(maxsize=1)
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def start(arguments: Sequence[str], *, output: Path) -> ForkServerProcess:
    """Run `culturepark ARGUMENTS` in a process of its own; stdout goes to `output`, stderr beside it."""
    return start_call(_command, list(arguments), output=output)


def start_call(call: Callable[[Any], None], argument: object, *, output: Path) -> ForkServerProcess:
    """Run a call in a process of its own; stdout goes to `output`, stderr beside it."""
    child = _context().Process(target=_redirected, args=(call, argument, str(output)))
    child.start()
    return child


def errors_of(output: Path) -> Path:
    """Where a command's stderr went."""
    return output.with_suffix(".err")


def finish(arguments: Sequence[str], *, output: Path, expect: int = 0) -> str:
    """Run a command to its end; returns its stdout."""
    child = start(arguments, output=output)
    child.join()
    said = errors_of(output).read_text(encoding="utf-8")
    assert child.exitcode == expect, f"{list(arguments)}: exit code {child.exitcode}\n{said}"
    assert "Traceback" not in said, said
    return output.read_text(encoding="utf-8")


def _command(arguments: list[str]) -> None:
    from culturepark.__main__ import main  # noqa: PLC0415  (in the child)

    sys.argv = ["culturepark", *arguments]
    main()


def _redirected(call: Callable[[Any], None], argument: object, output: str) -> None:
    for stream, path in ((1, Path(output)), (2, errors_of(Path(output)))):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.environ["OPENAI_API_KEY"] = "none"
    call(argument)
