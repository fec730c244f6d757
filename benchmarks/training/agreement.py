"""Settings that must agree, and adapters that must differ: `python -m benchmarks.training.agreement [--base B]`.

Prints: the losses of batch 8 against batch 1 with 8 accumulation steps; the held-out loss before and after; the KL
divergence (nats a token of an answer, over held-out rows) between adapter and base against that between two seeds;
and the earth mover's distance from a country's answers (by the model's own probabilities of the codes) of the base,
the adapter, and one trained on the same rows with countries permuted within each question.
"""

import argparse
import random
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from scipy.stats import wasserstein_distance

from benchmarks.training.material import rows_for
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.training.curves import read_curves
from culturepark.training.encoding import encode_rows, load_tokenizer, prompt_tokens
from culturepark.training.local import train_adapter
from culturepark.training.lora_settings import LoraSettings
from culturepark.training.merging import load_adapted
from culturepark.training.prefixes import pad_rows
from culturepark.training.prompt import question_in, scale_prompt
from culturepark.training.row import Row, make_row
from culturepark.training.weights import Base, find_base


def main() -> None:
    """Train what is compared, in a folder that is deleted afterwards, and print the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="smollm2-135m")
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--rows-file", type=Path, help="rows that `culturepark train` made; drawn from counts without")
    parser.add_argument("--steps", type=int, help="fewer than three epochs take")
    parser.add_argument("--country", default="JOR")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    rows = rows_for(chosen.rows, path=chosen.rows_file, seed=chosen.seed)
    cut = max(1, len(rows) // 10)
    watched, learned = rows[:cut], rows[cut:]
    base = find_base(chosen.base)
    settings = LoraSettings(base=chosen.base, max_steps=chosen.steps)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        batches(learned[:64], settings, folder)
        own = train_adapter(learned, watched, settings, folder / "own", seed=chosen.seed)
        other = train_adapter(learned, watched, settings, folder / "other", seed=chosen.seed + 1)
        placebo = train_adapter(permuted(learned, chosen.seed), watched, settings, folder / "placebo", seed=chosen.seed)
        before, after = own.adapter.validation_loss_before, own.adapter.validation_loss
        print(f"held-out loss: {before:.4f} before, {after:.4f} after {own.adapter.steps} steps")
        divergences(own.folder, other.folder, base, watched)
        distances({"own": own.folder, "placebo": placebo.folder}, base, chosen.country)


def batches(rows: Sequence[Row], settings: LoraSettings, folder: Path) -> None:
    """Compare the losses of steps of eight rows, taken at once and one by one."""
    losses = []
    for batch, accumulation in ((8, 1), (1, 8)):
        changed = settings.model_copy(update={"batch": batch, "accumulation": accumulation, "max_steps": 4})
        trained = train_adapter(rows, [], changed, folder / f"batch{batch}")
        losses.append([point.loss or 0.0 for point in read_curves(trained.folder)])
    apart = max(abs(one - other) for one, other in zip(*losses, strict=True))
    print(f"batch 8 against batch 1 x 8: losses of {len(losses[0])} steps differ by at most {apart:.6f}")


def permuted(rows: Sequence[Row], seed: int) -> list[Row]:
    """The same answers with countries permuted within each question, and the prompt rewritten to match."""
    survey, roster, rng = load_survey("wvs7"), load_roster(), random.Random(seed)
    by_question: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_question[row.question].append(row)
    found: list[Row] = []
    for question, group in sorted(by_question.items()):
        cultures = [row.culture for row in group]
        rng.shuffle(cultures)
        for row, name in zip(group, cultures, strict=True):
            culture = roster.cultures[name]
            prompt = scale_prompt(question_in(survey, question, row.language), culture)
            found.append(
                make_row(
                    row.kind, (*prompt, row.messages[-1]), culture=name, country=culture.country,
                    language=row.language, question=question, stance=row.stance, source="placebo", weight=row.weight,
                )
            )  # fmt: skip
    return found


def divergences(own: Path, other: Path, base: Base, rows: Sequence[Row]) -> None:
    """Print how far an adapter is from its base, and from the adapter of another seed."""
    tokenizer = load_tokenizer(str(base.folder), name=base.name)
    model = load_adapted(own, base)
    model.load_adapter(str(other), adapter_name="other")
    to_base, to_other, tokens = 0.0, 0.0, 0
    for row in encode_rows(rows, tokenizer):
        batch = pad_rows([row.model_dump()])
        model.set_adapter("default")
        first = log_probabilities(model, batch)
        model.set_adapter("other")
        second = log_probabilities(model, batch)
        with model.disable_adapter():
            plain = log_probabilities(model, batch)
        to_base += kl(first, plain)
        to_other += kl(first, second)
        tokens += len(first)
    print(f"KL to base {to_base / tokens:.4f}, KL between two seeds {to_other / tokens:.4f} nats a token")


def log_probabilities(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Shape `(k, vocabulary)`: what the model expects at each token of the answer."""
    with torch.no_grad():
        logits = model(batch["input_ids"], logits_to_keep=batch["keep"]).logits[0]
    return torch.log_softmax(logits.float(), dim=-1)


def kl(one: torch.Tensor, other: torch.Tensor) -> float:
    """Sum over tokens of the divergence of the second from the first."""
    return float((one.exp() * (one - other)).sum())


def distances(adapters: dict[str, Path], base: Base, country: str) -> None:
    """Print each model's mean distance to a country's answers, over the seed questions with single-digit codes."""
    survey, roster = load_survey("wvs7"), load_roster()
    culture = next(one for one in roster.cultures.values() if one.country == country and one.id != "english")
    tokenizer = load_tokenizer(str(base.folder), name=base.name)
    model = load_adapted(adapters["own"], base)
    model.load_adapter(str(adapters["placebo"]), adapter_name="placebo")
    found: dict[str, list[float]] = defaultdict(list)
    for name, question in sorted(survey.questions.items()):
        codes = list(question.scale.codes)
        if question.split != "seed" or max(codes) > 9:
            continue
        answers = survey.distribution(name, country)
        if answers is None:
            continue
        prompt = torch.tensor([prompt_tokens(scale_prompt(question_in(survey, name, "en"), culture), tokenizer)])
        ids = [tokenizer.encode(str(code), add_special_tokens=False)[0] for code in codes]
        truth = [answers.shares.get(code, 0.0) for code in codes]
        for which in ("base", "own", "placebo"):
            with torch.no_grad():
                if which == "base":
                    with model.disable_adapter():
                        logits = model(prompt).logits[0, -1]
                else:
                    model.set_adapter("default" if which == "own" else which)
                    logits = model(prompt).logits[0, -1]
            shares = torch.softmax(logits[ids].float(), dim=-1).tolist()
            places = [index / (len(codes) - 1) for index in range(len(codes))]
            found[which].append(float(wasserstein_distance(places, places, shares, truth)))
    for which, values in found.items():
        print(f"EMD to {country}, {which}: {sum(values) / len(values):.4f} over {len(values)} seed questions (0 to 1)")


if __name__ == "__main__":
    main()
