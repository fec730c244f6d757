"""Ours against plain TRL with the same settings: `python -m benchmarks.training.speed [--base B] [--rows N]`.

Each trainer runs in a process of its own, so that each has its own peak memory; the parent lets them take steps in
turns over the same rows in the same batches. Plain TRL is `SFTTrainer` with its own collator and loss over the same
tokens and labels, and the same LoRA, batch, learning rate, seed, precision and threads, without gradient checkpointing
(which TRL has on by default and which would only make it slower here). Prints non-padding tokens a second, seconds a
step (medians with 95 % bootstrap intervals), the ratio of paired steps, both loss curves' greatest difference, and
peak memory.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SIDES = ("ours", "plain")


def main() -> None:
    """Measure, or (with `--side`) be one of the two that are measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="smollm2-135m")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rows-file", type=Path, help="rows that `culturepark train` made; drawn from counts without")
    parser.add_argument("--country", help="rows of one country only, as one culture's adapter has them")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--warm-up", type=int, default=3, help="steps before the clock starts")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--batching", choices=("shared", "length", "plain"), default="shared")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.side:
        take_steps(chosen)
    else:
        compare(sys.argv[1:], chosen)


def compare(arguments: Sequence[str], chosen: argparse.Namespace) -> None:
    """Let both sides take steps in turns and print what they say."""
    command = [sys.executable, "-m", "benchmarks.training.speed", *arguments, "--side"]
    sides = {
        side: subprocess.Popen([*command, side], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for side in SIDES
    }
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for step in range(chosen.warm_up + chosen.steps):
        # Who goes first changes from pair to pair, so that neither has the quieter moment.
        for side in SIDES if step % 2 else reversed(SIDES):
            found[side].append(exchange(sides[side]))
    for child in sides.values():
        child.communicate()
    measured = {side: steps[chosen.warm_up :] for side, steps in found.items()}
    print(f"{chosen.base}, {chosen.rows} rows, batch {chosen.batch}, {chosen.precision}, {chosen.steps} paired steps")
    for side in SIDES:
        rates = [step["tokens"] / step["seconds"] for step in measured[side]]
        seconds = [step["seconds"] for step in measured[side]]
        peak = max(step["peak"] for step in found[side]) / 1e9
        print(f"{side:>6}: {interval(rates)} tokens/s, {interval(seconds)} s/step, peak {peak:.2f} GB")
    ratios = [
        (ours["tokens"] / ours["seconds"]) / (plain["tokens"] / plain["seconds"])
        for ours, plain in zip(measured["ours"], measured["plain"], strict=True)
    ]
    apart = [abs(ours["loss"] - plain["loss"]) for ours, plain in zip(found["ours"], found["plain"], strict=True)]
    last = {side: statistics.mean(step["loss"] for step in found[side][-5:]) for side in SIDES}
    print(f"ours / plain, paired: {interval(ratios)} (goal 1.3)")
    print(f"greatest difference of a step's loss {max(apart):.5f}; last five: {last['ours']:.4f}, {last['plain']:.4f}")


def exchange(child: subprocess.Popen[str]) -> dict[str, Any]:
    """Let a side take one step."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("step\n")
    child.stdin.flush()
    line = child.stdout.readline()
    if not line:
        sys.exit("a side ended before its steps were done; its error stands above")
    step: dict[str, Any] = json.loads(line)
    return step


def interval(values: Sequence[float], *, draws: int = 2000) -> str:
    """Median and 95 % bootstrap interval of the median."""
    rng = random.Random(0)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(draws))
    low, high = medians[int(0.025 * draws)], medians[int(0.975 * draws)]
    return f"{statistics.median(values):.2f} [{low:.2f}, {high:.2f}]"


def take_steps(chosen: argparse.Namespace) -> None:
    """Be one side: a line on stdin lets one step be taken, a line on stdout tells of it."""
    from transformers import TrainerCallback  # noqa: PLC0415  (the parent needs none of this)

    from culturepark.training.quiet import quiet_frameworks  # noqa: PLC0415

    clock = [0.0]

    class Turns(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            if not sys.stdin.readline():
                sys.exit()
            clock[0] = time.perf_counter()

        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            logs = kwargs["logs"]
            if "loss" not in logs:
                return
            seconds = time.perf_counter() - clock[0]
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            tokens = sizes.pop(0)
            told = {"step": state.global_step, "loss": logs["loss"], "seconds": seconds, "tokens": tokens, "peak": peak}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()

    with quiet_frameworks(), tempfile.TemporaryDirectory() as output:
        trainer, sizes = make_side(chosen, Path(output))
        trainer.add_callback(Turns())
        trainer.train()


def make_side(chosen: argparse.Namespace, output: Path) -> tuple[Any, list[int]]:
    """Build a side's trainer; the list gets each step's tokens without padding."""
    from datasets import Dataset  # noqa: PLC0415
    from transformers import PrinterCallback, set_seed  # noqa: PLC0415
    from trl.trainer.sft_trainer import SFTTrainer  # noqa: PLC0415

    from benchmarks.training.material import rows_for  # noqa: PLC0415
    from culturepark.runtime.progress import Silent  # noqa: PLC0415
    from culturepark.training import local  # noqa: PLC0415
    from culturepark.training.encoding import encode_rows, load_tokenizer  # noqa: PLC0415
    from culturepark.training.lora_settings import LoraSettings  # noqa: PLC0415
    from culturepark.training.weights import find_base  # noqa: PLC0415

    steps = chosen.warm_up + chosen.steps
    settings = LoraSettings(
        base=chosen.base, batch=chosen.batch, max_steps=steps, precision=chosen.precision, batching=chosen.batching,
        threads=chosen.threads, check_every=steps + 1, quantization="none",
    )  # fmt: skip
    base, hardware = find_base(chosen.base), local.find_hardware(settings)
    local.set_threads(settings)
    tokenizer = load_tokenizer(str(base.folder), name=base.name)
    rows = rows_for(chosen.rows, path=chosen.rows_file, seed=chosen.seed, country=chosen.country)
    encoded = encode_rows(rows, tokenizer)
    model = local.load_base(base, hardware)
    config = local.lora_config(settings, model, base)
    sizes: list[int] = []
    if chosen.side == "ours":
        trainer: Any = local.make_trainer(
            model, tokenizer, config, encoded, [], settings, hardware, output, seed=chosen.seed, progress=Silent(),
            what="",
        )  # fmt: skip
    else:
        args = local.trainer_config(settings, hardware, output, seed=chosen.seed, validates=False)
        args.remove_unused_columns = True
        args.dataset_kwargs = None
        data = Dataset.from_list([{"input_ids": row.input_ids, "labels": row.labels} for row in encoded])
        set_seed(chosen.seed)
        trainer = SFTTrainer(model=model, args=args, train_dataset=data, processing_class=tokenizer, peft_config=config)
        trainer.remove_callback(PrinterCallback)  # stdout is for our lines
    args = trainer.args
    args.save_strategy = "no"
    collate = trainer.data_collator

    def counting(examples: Sequence[dict[str, Any]]) -> Any:
        sizes.append(sum(len(example["input_ids"]) for example in examples))
        return collate(examples)

    trainer.data_collator = counting
    return trainer, sizes


if __name__ == "__main__":
    main()
