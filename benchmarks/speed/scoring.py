"""Log-likelihood of answer options, ours against lm-evaluation-harness: same model, tokens and machine in one run.

    python -m benchmarks.speed.scoring --lm-eval VENV/bin/python
    python -m benchmarks.speed.scoring               (makes a venv with lm_eval in a temporary folder first)

Items are survey questions as culture models are asked them, for several cultures. Exit code 1 when the scores differ by
more than 1e-4, when ours is not 1.5 times as fast, or when lm_eval could not be had.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from statistics import median
from typing import Any

from culturepark.benchmarks.likelihood import Options, encode, load_local, option_logprobs
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.training.prompt import question_in, scale_prompt
from culturepark.training.weights import find_base

GOAL = 1.5
TOLERANCE = 1e-4
BASE = "smollm2-135m"


def items(count: int, tokenizer: Any) -> list[Options]:
    """Survey questions with the codes of their scales, culture by culture."""
    survey, roster = load_survey("wvs7"), load_roster()
    cultures = [roster.culture(name) for name in roster.delegate_cultures]
    asked = [(question, culture) for question in sorted(survey.questions) for culture in cultures]
    found = []
    for question, culture in asked[:: max(1, len(asked) // count)][:count]:
        words = question_in(survey, question, "en")
        options = [str(code) for code in words.question.scale.codes]
        found.append(encode(tokenizer, scale_prompt(words, culture), options))
    return found


def lm_eval_python(folder: Path) -> Path | None:
    """A fresh venv with lm_eval; None where it cannot be installed, which is said."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    # An unpinned torch would bring CUDA packages of several GB.
    command = [str(python), "-m", "pip", "install", "--quiet", "torch==2.13.0", "lm_eval[hf]"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"SKIPPED: lm_eval cannot be installed here: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return python


def main() -> int:
    """Measure, print one JSON document, and say by the exit code whether the goal is reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16, help="of lm_eval, in requests")
    parser.add_argument("--lm-eval", type=Path, help="Python of a venv that has lm_eval")
    given = parser.parse_args()
    model, tokenizer = load_local(BASE, None)
    questions = items(given.items, tokenizer)
    option_logprobs(model, questions[:2])
    seconds = []
    for _ in range(given.repeats):
        start = time.perf_counter()
        ours = option_logprobs(model, questions)
        seconds.append(time.perf_counter() - start)
    job = {
        "model": str(find_base(BASE).folder),
        "batch": given.batch,
        "repeats": given.repeats,
        "questions": [[list(one.prompt), [list(option) for option in one.options]] for one in questions],
    }
    with tempfile.TemporaryDirectory() as place:
        python = given.lm_eval or lm_eval_python(Path(place))
        if python is None:
            return 1
        child = Path(__file__).with_name("lm_eval_scores.py")
        done = subprocess.run(
            [str(python), str(child)], input=json.dumps(job), stdout=subprocess.PIPE, text=True, check=True
        )
    theirs = json.loads(done.stdout)
    flat = [score for scores in ours for score in scores]
    apart = max(abs(one - other) for one, other in zip(flat, theirs["scores"], strict=True))
    times = median(theirs["seconds"]) / median(seconds)
    report = {
        "items": len(questions),
        "options": len(flat),
        "seconds": seconds,
        "seconds_lm_eval": theirs["seconds"],
        "times_as_fast": times,
        "largest_difference": apart,
    }
    print(json.dumps(report, indent=2))
    return 0 if times >= GOAL and apart <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
