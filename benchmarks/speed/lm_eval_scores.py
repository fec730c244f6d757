"""Scores of lm-evaluation-harness, run by the Python of a venv that has it: JSON on stdin, JSON on stdout.

Nothing of CulturePark is imported here: that venv does not have it.
"""

import json
import sys
import time

from lm_eval.models.huggingface import HFLM

job = json.load(sys.stdin)
model = HFLM(pretrained=job["model"], device="cpu", dtype="float32", batch_size=job["batch"])
requests = [(("", ""), prompt, option) for prompt, options in job["questions"] for option in options]
model._loglikelihood_tokens(requests[: job["batch"]], disable_tqdm=True)
seconds = []
for _ in range(job["repeats"]):
    start = time.perf_counter()
    found = model._loglikelihood_tokens(requests, disable_tqdm=True)
    seconds.append(time.perf_counter() - start)
json.dump({"seconds": seconds, "scores": [score for score, _ in found]}, sys.stdout)
