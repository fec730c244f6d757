"""`python -m culturepark` and the `culturepark` command."""

import contextlib
import errno
import gc
import os
import signal
import sys
from typing import NoReturn

from culturepark.runtime.console import note, plain
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.garbage import COLLECT_AFTER

INTERRUPTED = 130
SOON = 0.05
"""Seconds after which a lost interrupt is raised anew: the finalizer that lost it has ended by then."""
WAYS_OUT = {
    errno.ENOSPC: "free space and run the same command; everything before is saved",
    errno.EDQUOT: "free space and run the same command; everything before is saved",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f) and run the same command; everything before is saved",
    errno.EROFS: "choose a place that can be written",
    errno.EACCES: "choose another place, or change its permissions",
    errno.EPERM: "choose another place, or change its permissions",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "name another place",
    errno.ENOENT: "name a place that is there",
    errno.EMFILE: "raise the limit of open files (ulimit -n) or lower --concurrency",
    errno.ENAMETOOLONG: "choose a shorter name",
}
"""What a user can do about an error of the operating system. Others are faults of ours and keep their traceback."""


def main() -> None:
    """Run the command line.

    A user's mistake is one line and exit code 2, never a traceback; SIGTERM ends a command as Ctrl-C does.
    """
    gc.set_threshold(COLLECT_AFTER)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.unraisablehook = _interrupt_again
    try:
        from culturepark.cli import app  # noqa: PLC0415  (may be interrupted like all that follows)

        app()
    except KeyboardInterrupt:
        _leave()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            _leave()
        raise
    except CultureParkError as error:
        note(f"error: {plain(str(error))}")  # may quote what came from outside
        sys.exit(2)
    except OSError as error:
        if error.errno not in WAYS_OUT:
            raise
        place = f"{error.filename}: " if error.filename else ""
        note(f"error: {plain(place)}{os.strerror(error.errno)}; {WAYS_OUT[error.errno]}")
        sys.exit(2)
    finally:
        gc.freeze()  # what is left goes with the process, and need not be looked through first


def _interrupt_again(lost: "sys.UnraisableHookArgs") -> None:
    """An interrupt that came in the middle of a finalizer is lost there, and the command would go on: raise it anew."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        from culturepark.runtime.engines.local import interrupt_in  # noqa: PLC0415  (once in a thousand interrupts)

        interrupt_in(SOON)
    else:
        sys.__unraisablehook__(lost)


def _leave() -> NoReturn:
    """End an interrupted command at once: all is saved, and threads that still compute are not waited for."""
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
