"""Training an adapter on this machine, with TRL and peft: one call, one folder."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.hashing import sha256
from culturepark.runtime.models.adapters import CONFIG, DESCRIPTION, Adapter, read_adapter
from culturepark.runtime.progress import Reporter, Silent
from culturepark.runtime.record import Record
from culturepark.runtime.whole_file import whole_file
from culturepark.training.curves import Curve, draw_curves, write_curves
from culturepark.training.encoding import EncodedRow, encode_rows, load_tokenizer
from culturepark.training.lora_settings import LoraSettings
from culturepark.training.model_card import Provenance, write_card
from culturepark.training.quiet import quiet_frameworks
from culturepark.training.row import Row
from culturepark.training.weights import Base, find_base

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl.trainer.sft_config import SFTConfig

    from culturepark.training.trainer import AnswerTrainer

CHECKPOINTS = "checkpoints"
STARTED = "training.json"
"""In a folder whose training has begun: the hash of everything it is trained with."""


class Trained(NamedTuple):
    """A finished adapter."""

    folder: Path
    adapter: Adapter
    trained_now: bool
    """False where the folder held this very adapter already."""


class Hardware(Record):
    """What an adapter is trained on."""

    device: Literal["cpu", "cuda"]
    precision: Literal["float32", "bfloat16"]
    quantization: Literal["none", "nf4"]


def train_adapter(
    rows: Sequence[Row],
    validation: Sequence[Row],
    settings: LoraSettings,
    folder: Path,
    *,
    seed: int = 0,
    provenance: Provenance | None = None,
    progress: Reporter | None = None,
) -> Trained:
    """Train one adapter, or go on with one whose training was interrupted.

    Args:
        rows: To learn from, in any order: the seed decides it.
        validation: Whose loss is watched; training ends when it no longer falls. May be empty.
        settings: Base and hyperparameters.
        folder: Gets the adapter (peft's files, `culturepark.json`, README, curves). While training runs it holds
            checkpoints, from which the same call goes on after a kill.
        seed: Of the adapter's first weights, the order of rows and dropout.
        provenance: What the card tells about where the rows came from.
        progress: Told about every step.

    Raises:
        CultureParkError: For no rows, a base without a chat template, target modules it lacks, a folder that holds
            another training, or a full disk; earlier checkpoints stay.
    """
    if not rows:
        raise CultureParkError("no rows to train on; loosen what was selected")
    hardware = find_hardware(settings)
    base = find_base(settings.base)
    begun = {
        "base": base.sha256,
        "rows": rows_sha256(rows),
        "validation": rows_sha256(validation),
        "settings": settings.model_dump(mode="json", exclude={"base", "threads"}),
        "seed": seed,
    }
    if (folder / DESCRIPTION).exists():
        _same_training(folder, begun)
        return Trained(folder, read_adapter(folder), trained_now=False)
    with quiet_frameworks():
        set_threads(settings)
        tokenizer = load_tokenizer(str(base.folder), name=base.name)
        encoded, watched = encode_rows(rows, tokenizer), encode_rows(validation, tokenizer)
        model = load_base(base, hardware)
        config = lora_config(settings, model, base)
        _begin(folder, begun)
        trainer = make_trainer(
            model, tokenizer, config, encoded, watched, settings, hardware, folder / CHECKPOINTS, seed=seed,
            progress=progress or Silent(), what=f"training {folder.name}",
        )  # fmt: skip
        curve = _train(trainer, folder / CHECKPOINTS)
        if trainer.accelerator.num_processes > 1:
            trainer.save_model(str(folder))  # each process may hold a part of the weights: all take part
            trainer.accelerator.wait_for_everyone()  # others may still read the checkpoints, which the first deletes
        adapter = _describe(trainer, rows, validation, settings, base, hardware, seed, curve)
        if trainer.is_world_process_zero():
            _finish(trainer, folder, base, adapter, curve, provenance or Provenance())
    return Trained(folder, adapter, trained_now=True)


def rows_sha256(rows: Sequence[Row]) -> str:
    """Hash rows and how much each counts, in the order they were given."""
    return sha256([[row.id, row.weight] for row in rows])


def find_hardware(settings: LoraSettings) -> Hardware:
    """Choose device, precision and quantisation.

    Raises:
        CultureParkError: When 4 bits are asked for where they cannot be had.
    """
    import torch  # noqa: PLC0415  (slow to import)

    cuda = torch.cuda.is_available()
    bits = cuda and find_spec("bitsandbytes") is not None
    if settings.quantization == "nf4" and not bits:
        raise CultureParkError(
            "quantization 'nf4' needs a CUDA GPU and `pip install bitsandbytes`; use 'auto', which does without here"
        )
    auto: Literal["float32", "bfloat16"] = "bfloat16" if cuda else "float32"
    return Hardware(
        device="cuda" if cuda else "cpu",
        precision=auto if settings.precision == "auto" else settings.precision,
        quantization="nf4" if bits and settings.quantization != "none" else "none",
    )


def load_base(base: Base, hardware: Hardware) -> "PreTrainedModel":
    """Load a base as it is trained on: frozen weights in the chosen precision, or in 4 bits.

    Raises:
        CultureParkError: When transformers cannot read the folder.
    """
    import torch  # noqa: PLC0415  (slow to import)
    from safetensors import SafetensorError  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig  # noqa: PLC0415

    options: dict[str, Any] = {"dtype": getattr(torch, hardware.precision), "attn_implementation": "sdpa"}
    if hardware.quantization == "nf4":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
            bnb_4bit_quant_storage=torch.bfloat16,  # the type FSDP shards
        )
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(base.folder, use_safetensors=True, **options)
    except (OSError, ValueError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CultureParkError(f"base {base.name!r} cannot be loaded ({reason})") from None
    return model


def lora_config(settings: LoraSettings, model: "PreTrainedModel", base: Base) -> "LoraConfig":
    """Say where the low-rank matrices go.

    Raises:
        CultureParkError: For a module the base has not, with those it has.
    """
    import torch  # noqa: PLC0415  (slow to import)
    from peft import LoraConfig  # noqa: PLC0415

    there = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not model.get_output_embeddings()
    }
    for name in settings.target_modules:
        if name not in there:
            raise unknown("linear module", name, there, place=f"target_modules of base {base.name!r}")
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=sorted(settings.target_modules or there),
        task_type="CAUSAL_LM",
    )


def make_trainer(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    config: "LoraConfig",
    rows: Sequence[EncodedRow],
    validation: Sequence[EncodedRow],
    settings: LoraSettings,
    hardware: Hardware,
    output: Path,
    *,
    seed: int,
    progress: Reporter,
    what: str,
) -> "AnswerTrainer":
    """Put model, rows and settings into a trainer."""
    from transformers import EarlyStoppingCallback, PrinterCallback  # noqa: PLC0415  (slow to import)

    from culturepark.training.prefixes import pad_rows, share_prefixes  # noqa: PLC0415
    from culturepark.training.trainer import AnswerTrainer, Steps  # noqa: PLC0415

    stops = bool(validation) and settings.patience > 0
    arguments = trainer_config(settings, hardware, output, seed=seed, validates=bool(validation))
    watched = evened(validation, settings.batch * arguments.world_size) if arguments.world_size > 1 else validation
    trainer = AnswerTrainer(
        model=model,
        args=arguments,
        train_dataset=_dataset(rows),
        eval_dataset=_dataset(watched) if watched else None,
        processing_class=tokenizer,
        peft_config=config,
        data_collator=share_prefixes if settings.batching == "shared" else pad_rows,
        callbacks=[
            Steps(progress, what),
            *([EarlyStoppingCallback(early_stopping_patience=settings.patience)] if stops else []),
        ],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def trainer_config(
    settings: LoraSettings, hardware: Hardware, output: Path, *, seed: int, validates: bool
) -> "SFTConfig":
    """Spell our settings in TRL's words."""
    from trl.trainer.sft_config import SFTConfig  # noqa: PLC0415  (slow to import)

    schedule = "constant_with_warmup" if settings.schedule == "constant" else settings.schedule
    return SFTConfig(
        output_dir=str(output),
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulation,
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=schedule,
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        activation_checkpointing=settings.gradient_checkpointing,
        train_sampling_strategy="group_by_length" if settings.batching == "length" else "random",
        use_cpu=hardware.device == "cpu",
        bf16=hardware.device == "cuda",
        fp16=False,
        seed=seed,
        data_seed=seed,
        logging_steps=1,
        save_strategy="steps",
        save_steps=settings.check_every,
        save_total_limit=settings.keep_checkpoints,
        eval_strategy="steps" if validates else "no",
        eval_steps=settings.check_every,
        load_best_model_at_end=validates,
        metric_for_best_model="eval_loss" if validates else None,
        greater_is_better=False if validates else None,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        dataloader_pin_memory=hardware.device == "cuda",
        disable_tqdm=True,
        report_to=[],
    )


def evened(rows: Sequence[EncodedRow], share: int) -> list[EncodedRow]:
    """Rows that several processes can share out evenly: repeats fill the last share, and weigh nothing.

    Without them accelerate fills it with repeats that count, and the mean is another with every number of processes.
    """
    repeats = [rows[place % len(rows)] for place in range(-len(rows) % share)] if rows else []
    return [*rows, *(row.model_copy(update={"weight": 0.0}) for row in repeats)]


def _dataset(rows: Sequence[EncodedRow]) -> "Dataset":
    from datasets import Dataset  # noqa: PLC0415  (slow to import)

    return Dataset.from_list([{**row.model_dump(), "length": len(row.input_ids)} for row in rows])


def set_threads(settings: LoraSettings) -> None:
    """Use as many processor threads as the settings say."""
    import torch  # noqa: PLC0415  (slow to import)

    if settings.threads is not None:
        torch.set_num_threads(settings.threads)


def _begin(folder: Path, begun: dict[str, Any]) -> None:
    """Mark the folder, or see that it was marked by this very training."""
    if (folder / STARTED).exists():
        _same_training(folder, begun)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(folder / STARTED) as partial:  # of several processes, each finds none or all of it
            partial.write_text(json.dumps(begun), encoding="utf-8")
    except OSError as error:
        raise CultureParkError(f"{folder}: the adapter's folder cannot be written ({error.strerror})") from None


def _name_base(config: Path, base: Base) -> None:
    """Name the base in peft's own file, where peft wrote the folder it lay in on this machine."""
    named = {**json.loads(config.read_text(encoding="utf-8")), "base_model_name_or_path": base.name}
    config.write_text(json.dumps(named, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _same_training(folder: Path, begun: dict[str, Any]) -> None:
    """Refuse to go on with, or to take for finished, what was trained otherwise."""
    try:
        before = json.loads((folder / STARTED).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        before = {}
    other = [name for name in begun if before.get(name) != begun[name]]
    if other:
        raise CultureParkError(
            f"{folder}: holds a training with other {' and '.join(other)}; delete the folder or choose another name"
        )


def _train(trainer: "AnswerTrainer", checkpoints: Path) -> list[Curve]:
    """Train to the end and return the curve; the best checkpoint's weights are in the model then."""
    from culturepark.training.trainer import last_checkpoint  # noqa: PLC0415  (slow to import)

    resumed = last_checkpoint(checkpoints)
    # A fresh adapter changes nothing, so this is the base's own loss.
    trainer.args.eval_on_start = trainer.eval_dataset is not None and resumed is None
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    return [point for entry in trainer.state.log_history if (point := Curve.from_log(entry)) is not None]


def _describe(
    trainer: "AnswerTrainer",
    rows: Sequence[Row],
    validation: Sequence[Row],
    settings: LoraSettings,
    base: Base,
    hardware: Hardware,
    seed: int,
    curve: Sequence[Curve],
) -> Adapter:
    losses = [point.loss for point in curve if point.loss is not None]
    last = losses[-max(1, len(losses) // 10) :]
    watched = [point for point in curve if point.validation_loss is not None]
    return Adapter(
        base=base.name,
        base_sha256=base.sha256,
        cultures=tuple(sorted({row.culture for row in rows})),
        rows=len(rows),
        rows_sha256=rows_sha256(rows),
        rows_by_country=dict(sorted(Counter(row.country for row in rows).items())),
        rows_by_kind=dict(sorted(Counter(row.kind for row in rows).items())),
        validation_rows=len(validation),
        settings=settings.model_copy(update={"base": base.name}).model_dump(mode="json"),
        seed=seed,
        device=hardware.device,
        precision=hardware.precision,
        quantization=hardware.quantization,
        steps=trainer.state.global_step,
        stopped_early=trainer.state.global_step < trainer.state.max_steps,
        loss=sum(last) / len(last),
        validation_loss_before=watched[0].validation_loss if watched and watched[0].step == 0 else None,
        validation_loss=min((point.validation_loss for point in watched[1:] if point.validation_loss), default=None),
    )


def _finish(
    trainer: "AnswerTrainer",
    folder: Path,
    base: Base,
    adapter: Adapter,
    curve: Sequence[Curve],
    provenance: Provenance,
) -> None:
    """Write the adapter; its description comes last, so that a folder with one is whole."""
    from culturepark.training.trainer import disk_reason, out_of_space  # noqa: PLC0415  (slow to import)

    try:
        if trainer.accelerator.num_processes == 1:
            trainer.save_model(str(folder))
        _name_base(folder / CONFIG, base)
        write_curves(folder, curve)
        draw_curves(folder, curve, title=folder.name)
        write_card(folder, adapter, provenance)
        with whole_file(folder / DESCRIPTION) as partial:
            partial.write_text(adapter.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except Exception as error:
        if not out_of_space(error, folder):
            raise
        raise CultureParkError(
            f"{folder}: the adapter cannot be written ({disk_reason(error)}); its checkpoints are intact: free "
            "space and run the same command"
        ) from None
    shutil.rmtree(folder / CHECKPOINTS)
