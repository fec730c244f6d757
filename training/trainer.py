"""TRL's trainer with a loss on answers alone, whole checkpoints, and a validation loss exact to the token."""

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl.trainer.sft_trainer import SFTTrainer

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.progress import Reporter
from culturepark.training.prefixes import IGNORED

COMPLETE = "complete"
"""Written into a checkpoint's folder last: one without it was being written when training was killed."""
OWN_INPUTS = ("keep", "labels", "shift_labels", "weights", "tokens")


class AnswerTrainer(SFTTrainer):
    """Reads batches as `culturepark.training.prefixes` makes them."""

    trained_tokens = 0
    """Tokens of the rows themselves that went through; padding and repeats are not counted."""

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Weighted negative log-likelihood of the answers' tokens, over their number in the whole step."""
        total, _ = self._weighted_nll(model, inputs)
        self.trained_tokens += int(inputs["tokens"])
        count = (inputs["labels"] != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        loss = total / torch.as_tensor(count).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # as Trainer does: gradients are averaged over devices
        return (loss, None) if return_outputs else loss

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Mean loss of an answer's token over all rows, whatever batch they came in."""
        loader = self.get_eval_dataloader(eval_dataset)
        # Trainer prepares its model when training begins; before that it is only moved and wrapped by nobody.
        model = self.model_wrapped
        model.eval()
        sums = torch.zeros(2, dtype=torch.float64)
        for batch in loader:
            with torch.no_grad(), self.compute_loss_context_manager():
                inputs = self._prepare_inputs(batch)
                total, weight = self._weighted_nll(model, inputs)
            sums += torch.stack([total, weight]).double().cpu()
        if self.accelerator.num_processes > 1:
            sums = self.accelerator.reduce(sums.to(self.args.device)).cpu()
        metrics = {f"{metric_key_prefix}_loss": float(sums[0] / sums[1])}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _weighted_nll(self, model: nn.Module, inputs: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Sum of weighted losses, and sum of weights."""
        own = {name: tensor for name, tensor in inputs.items() if name not in OWN_INPUTS}
        logits = model(**own, logits_to_keep=inputs["keep"], use_cache=False).logits
        labels = inputs["labels"].flatten()
        losses = nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), labels, ignore_index=IGNORED, reduction="none"
        )
        weights = inputs["weights"].flatten()
        return (losses * weights).sum(), weights[labels != IGNORED].sum()

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        folder = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        try:
            super()._save_checkpoint(model, trial)  # type: ignore[no-untyped-call]
            if self.is_world_process_zero():
                (folder / COMPLETE).write_text("", encoding="utf-8")
        except Exception as error:
            # Each of the libraries that write here has an error class of its own for a full disk.
            if not out_of_space(error, folder.parent):
                raise
            shutil.rmtree(folder, ignore_errors=True)
            raise CultureParkError(
                f"{folder}: the checkpoint cannot be written ({disk_reason(error)}); earlier ones are intact: free "
                "space and run the same command"
            ) from None

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Write the adapter alone: the tokenizer is the base's, and Trainer's arguments are no safetensors."""
        if self.args.should_save:
            model: Any = self.accelerator.unwrap_model(self.model)
            model.save_pretrained(output_dir or self.args.output_dir, state_dict=state_dict)

    def create_model_card(self, *_args: Any, **_kwargs: Any) -> None:
        """Write none: the adapter's own card says more."""


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint; what a kill left half-written is deleted."""
    whole: list[tuple[int, Path]] = []
    for path in folder.glob("checkpoint-*"):
        if (path / COMPLETE).exists():
            whole.append((int(path.name.rpartition("-")[2]), path))
        else:
            shutil.rmtree(path, ignore_errors=True)  # with several processes, another may have been first
    return max(whole)[1] if whole else None


def out_of_space(error: BaseException, folder: Path) -> bool:
    """Whether writing failed for want of room (a full disk, a quota, a limit of the shell's)."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return True
    text = str(error)
    if any(os.strerror(code) in text for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)):
        return True
    # torch.save says only that it could not write, so the disk itself is asked.
    return "PytorchStreamWriter" in text or ("write" in text and shutil.disk_usage(folder).free < 1 << 20)


def disk_reason(error: BaseException) -> str:
    """The system's words for it where they are there."""
    text = str(error)
    known = (os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
    return next((words for words in known if words in text), "writing failed")


class Steps(TrainerCallback):
    """Tells a reporter about each step."""

    def __init__(self, progress: Reporter, what: str) -> None:
        self._progress = progress
        self._what = what

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Say how many steps there are and where a resumed training stands."""
        self._progress.start(self._what, total=state.max_steps, done=state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Count one."""
        self._progress.advance()
