"""People who were asked and gave no answer: don't know, and refused."""

import csv
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

from culturepark.runtime.errors import CultureParkError

NONRESPONSE: Final = "nonresponse.csv"


class Nonresponse(NamedTuple):
    """People of a country who were asked a question and gave no valid answer."""

    dont_know: int
    """Code -1 of the World Values Survey."""
    no_answer: int
    """Code -2: refused. People who were not asked (-4) or whose answer is missing (-5) are in neither."""


def read_nonresponse(path: Traversable, *, source: str) -> Mapping[tuple[str, str], Nonresponse]:
    """Read the counts by question and country; nothing where a survey tells none.

    Raises:
        CultureParkError: For a line that is not `country,question,dont_know,no_answer`.
    """
    if not path.is_file():
        return {}
    found: dict[tuple[str, str], Nonresponse] = {}
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    for number, row in enumerate(rows, start=2):
        try:
            counts = Nonresponse(int(row["dont_know"]), int(row["no_answer"]))
            found[f"{source}:{row['question']}", row["country"]] = counts
        except (KeyError, TypeError, ValueError) as error:
            raise CultureParkError(
                f"{source}/{NONRESPONSE}:{number}: {row} is not country,question,dont_know,no_answer ({error})"
            ) from None
    return found
