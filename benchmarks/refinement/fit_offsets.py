"""Fit a built-in judge's label offsets on survey-scale pairs: `python -m benchmarks.refinement.fit_offsets NAME`.

Prints the entry for `postprocess/calibration.json`. The pairs are made from the shipped questions' scales alone.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from culturepark.postprocess.refine import calibration_questions
from culturepark.postprocess.verify import JUDGE_SAMPLING, fit_offsets, survey_pairs
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.models.opening import open_model
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.store import open_store


async def main(name: str) -> None:
    """Ask the judge about every pair and print the mean log-probability of each label."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder))
        async with open_model(parse_model(name)) as opened:
            ledger = Ledger(store, opened.endpoint)
            judge = LedgerChatModel(ledger=ledger, purpose="verify", sampling=JUDGE_SAMPLING)
            pairs = survey_pairs(calibration_questions())
            offsets = await fit_offsets(judge, pairs)
        store.close()
    assert offsets is not None
    entry = {ledger.identity: {label: round(value, 4) for label, value in offsets.items()}}
    print(json.dumps(entry, indent=1), f"({len(pairs)} pairs)")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "builtin"))
