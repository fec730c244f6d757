"""`python -m culturepark` and the `culturepark` command."""

import sys

from culturepark.runtime.errors import CultureParkError


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2, never a traceback."""
    from culturepark.cli import app  # noqa: PLC0415  (so that an import error is reported like any other)

    try:
        app()
    except CultureParkError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
