"""Fit a judge's calibration on statements from survey scales: `python -m benchmarks.refinement.fit_offsets [MODEL]`.

Prints the entry for `postprocess/calibration.json`. The statements are made from the shipped questions' scales alone.
"""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path

from culturepark.postprocess.calibration import examples, fit
from culturepark.postprocess.judge import Calibration, Judge, judging_model
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.opening import open_model
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.store import open_store


async def main(name: str, run: Path) -> None:
    """Ask the judge about every statement and print what it favors."""
    store = open_store(run)
    async with open_model(parse_model(name)) as opened:
        ledger = Ledger(store, opened.endpoint)
        statements = examples()
        judge = Judge(judging_model(ledger), Calibration())
        # Two at once: the requests about one statement begin alike, and follow each other in the prefix cache.
        found = await fit(judge, statements, concurrency=2)
    store.close()
    assert found is not None, "the judge gives no log-probabilities"
    print(json.dumps({ledger.identity: found.model_dump()}, indent=1), f"({len(statements)} statements)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="builtin")
    parser.add_argument("--run", type=Path, help="keep the replies here and go on from them")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(chosen.model, chosen.run or Path(folder)))
