"""How well the judge verifies: `python -m benchmarks.refinement.verify_nli [MODEL] [--shared ../shared]`.

Every row of `nli/` (SNLI, XNLI-ko, OCNLI) goes through the chain that `refine` uses. Label offsets are the shipped
ones, fitted on pairs made from survey scales: no row here was used for anything but measuring.
"""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path

from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, f1_score

from culturepark.postprocess.refine import label_offsets
from culturepark.postprocess.verify import JUDGE_SAMPLING, implies
from culturepark.runtime.engine import run_bounded
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.models.opening import open_model
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.store import open_store

GOLD = {"entailment": "entail", "contradiction": "contradict", "neutral": "irrelevant"}
VERDICTS = ("entail", "contradict", "irrelevant")
FILES = ("en_snli", "ko_xnli", "zh_ocnli")


async def main(model: str, shared: Path, run: Path, limit: int | None) -> None:
    """Judge every row and print accuracy with its Wilson interval, macro-F1 and the confusion matrix."""
    store = open_store(run)
    async with open_model(parse_model(model)) as opened:
        ledger = Ledger(store, opened.endpoint)
        judge = LedgerChatModel(ledger=ledger, purpose="verify", sampling=JUDGE_SAMPLING)
        offsets = await label_offsets(judge)
        print(f"judge {ledger.identity}, offsets {offsets}")
        print("| rows | n | accuracy | 95 % interval | without offsets | macro-F1 | failed | confusion (rows: gold) |")
        print("|---|---|---|---|---|---|---|---|")
        for name in FILES:
            rows = [json.loads(line) for line in (shared / f"data/nli/{name}.jsonl").read_text("utf-8").splitlines()][
                :limit
            ]
            found: dict[int, tuple[str, str]] = {}

            async def one(
                number: int, rows: list[dict[str, str]] = rows, found: dict[int, tuple[str, str]] = found
            ) -> None:
                row = rows[number]
                judged = await implies(judge, row["premise"], row["hypothesis"], offsets=offsets)
                plain = await implies(judge, row["premise"], row["hypothesis"])
                found[number] = (judged.verdict or "failed", plain.verdict or "failed")

            await run_bounded(range(len(rows)), one, concurrency=opened.concurrency)
            gold = [GOLD[row["label"]] for row in rows]
            said = [found[number][0] for number in range(len(rows))]
            right = sum(a == b for a, b in zip(gold, said, strict=True))
            plain_right = sum(found[number][1] == gold[number] for number in range(len(rows)))
            interval = binomtest(right, len(rows)).proportion_ci(method="wilson")
            matrix = confusion_matrix(gold, said, labels=VERDICTS).tolist()
            print(
                f"| {name} | {len(rows)} | {right / len(rows):.3f} | {interval.low:.3f}-{interval.high:.3f} "
                f"| {plain_right / len(rows):.3f} | {f1_score(gold, said, labels=VERDICTS, average='macro'):.3f} "
                f"| {said.count('failed')} | {matrix} |",
                flush=True,
            )
    store.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="builtin")
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--limit", type=int, help="first rows of each file; the files are shuffled")
    parser.add_argument("--run", type=Path, help="keep the replies here and go on from them")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(chosen.model, chosen.shared, chosen.run or Path(folder), chosen.limit))
