"""How well a judge verifies: `python -m benchmarks.refinement.verify [MODEL] [--shared ../shared]`.

`nli/` (SNLI, XNLI-ko, OCNLI) goes through the judge that every step asks; survey pairs (see `survey_pairs.py`) go
through the verification that `refine` does. Calibrations are the shipped ones, or fitted on the scales' own statements:
no row measured here was used for anything else.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sklearn.metrics import confusion_matrix, f1_score

from culturepark.benchmarks.refinement.survey_pairs import SurveyPair, own_word_pairs, scale_pairs
from culturepark.benchmarks.statistics import wilson
from culturepark.postprocess.calibration import calibrated_judge
from culturepark.postprocess.judge import Judge
from culturepark.postprocess.opinion import Verdict
from culturepark.postprocess.verify import judge_text
from culturepark.runtime.engines.local import run_bounded
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.opening import open_model
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.store import open_store

GOLD: dict[str, Verdict] = {"entailment": "entail", "contradiction": "contradict", "neutral": "irrelevant"}
VERDICTS: tuple[Verdict, ...] = ("entail", "contradict", "irrelevant")
NLI = ("en_snli", "ko_xnli", "zh_ocnli")
COLUMNS = (
    "rows",
    "n",
    "accuracy",
    "95 % interval",
    "macro-F1",
    "failed",
    *(f"{verdict} as e/c/i" for verdict in VERDICTS),
)
IN_FLIGHT = 2
"""Requests about one text begin alike: few at once, in order, read most of each other's prompts from the cache."""


class Row(NamedTuple):
    """What is right, and what finds out what the judge says."""

    gold: Verdict
    judge: Callable[[Judge], Awaitable[Verdict | None]]


def nli_rows(path: Path) -> list[Row]:
    """Read a file of `nli/`."""
    return [_nli_row(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _nli_row(row: dict[str, str]) -> Row:
    async def ask(judge: Judge) -> Verdict | None:
        return (await judge.implies(row["premise"], row["hypothesis"])).verdict

    return Row(GOLD[row["label"]], ask)


def survey_rows(pairs: Sequence[SurveyPair]) -> list[Row]:
    """Wrap survey pairs."""
    return [_survey_row(pair) for pair in pairs]


def _survey_row(pair: SurveyPair) -> Row:
    async def ask(judge: Judge) -> Verdict | None:
        return (await judge_text(judge, pair.text, pair.stance, pair.question)).verdict

    return Row(pair.verdict, ask)


def line(name: str, gold: Sequence[str], said: Sequence[str]) -> str:
    """One row of the table: accuracy with its Wilson interval, macro-F1, failures, and the confusion matrix."""
    right = sum(one == other for one, other in zip(gold, said, strict=True))
    interval = wilson(right, len(gold))
    matrix = confusion_matrix(gold, said, labels=[*VERDICTS, "failed"])[:3]
    cells = (
        name,
        len(gold),
        f"{right / len(gold):.3f}",
        f"{interval.low:.3f}-{interval.high:.3f}",
        f"{f1_score(gold, said, labels=list(VERDICTS), average='macro', zero_division=0):.3f}",
        said.count("failed"),
        *("/".join(str(count) for count in row[:3]) for row in matrix),
    )
    return f"| {' | '.join(str(cell) for cell in cells)} |"


async def main(model: str, shared: Path, run: Path, *, limit: int | None, only: str | None) -> None:
    """Judge every row and print a Markdown table."""
    sets: dict[str, Callable[[], list[Row]]] = {
        "survey, own words": lambda: survey_rows(own_word_pairs()),
        "survey, seed scales": lambda: survey_rows(scale_pairs("seed")),
        "survey, held-out scales": lambda: survey_rows(scale_pairs("held-out")),
        **{name: partial(nli_rows, shared / f"data/nli/{name}.jsonl") for name in NLI},
    }
    store = open_store(run)
    async with open_model(parse_model(model)) as opened:
        ledger = Ledger(store, opened.endpoint)
        judge = await calibrated_judge(ledger, concurrency=IN_FLIGHT)
        print(f"judge {ledger.identity}, {judge.calibration.model_dump_json()}\n")
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
        for name, make in sets.items():
            if only is not None and only not in name:
                continue
            rows = make()[:limit]
            said: dict[int, str] = {}

            async def one(place: int, rows: list[Row] = rows, said: dict[int, str] = said) -> None:
                said[place] = await rows[place].judge(judge) or "failed"

            await run_bounded(range(len(rows)), one, concurrency=IN_FLIGHT)
            print(line(name, [row.gold for row in rows], [said[place] for place in range(len(rows))]), flush=True)
    store.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="builtin")
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--limit", type=int, help="first rows of each set; all sets are shuffled")
    parser.add_argument("--only", help="sets whose name has this in it")
    parser.add_argument("--run", type=Path, help="keep the replies here and go on from them")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = chosen.run or Path(folder)
        asyncio.run(main(chosen.model, chosen.shared, run, limit=chosen.limit, only=chosen.only))
