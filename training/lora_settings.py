"""How adapters are trained on this machine."""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field, JsonValue

from culturepark.runtime.record import Record

Batching = Literal["shared", "length", "plain"]
Precision = Literal["auto", "float32", "bfloat16"]
Quantization = Literal["auto", "none", "nf4"]
Schedule = Literal["linear", "cosine", "constant"]


class LoraSettings(Record):
    """Low-rank adaptation. The defaults are for some hundred to some thousand short rows."""

    base: str = "smollm2-135m"
    """A built-in model that talks, a hub id, or a transformers folder."""
    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: tuple[str, ...] = ()
    """Names of linear layers, e.g. `q_proj`; every one but the vocabulary's when empty."""
    epochs: float = Field(default=3.0, gt=0)
    max_steps: int | None = Field(default=None, ge=1)
    """Ends sooner than the epochs do."""
    batch: int = Field(default=8, ge=1)
    """Rows at once on each device."""
    accumulation: int = Field(default=1, ge=1)
    """Batches that make one step; batch 1 with 8 gives the steps of batch 8 in less memory."""
    learning_rate: float = Field(default=2e-4, gt=0)
    schedule: Schedule = "linear"
    warmup: float = Field(default=0.03, ge=0, lt=1)
    """Fraction of the steps in which the learning rate rises."""
    weight_decay: float = Field(default=0.0, ge=0)
    batching: Batching = "shared"
    """`shared`: beginnings that rows of a batch have in common are computed once, and nothing is padded; `length`: rows
    of alike length go together, padded; `plain`: any rows, padded."""
    precision: Precision = "auto"
    """Of the base: bfloat16 on a GPU and float32 on a processor when `auto`."""
    quantization: Quantization = "auto"
    """`nf4`: the base in 4 bits (QLoRA); `auto` does so where CUDA and bitsandbytes are there."""
    gradient_checkpointing: bool = False
    """Compute activations twice to keep fewer; slower, for large bases."""
    check_every: int = Field(default=50, ge=1)
    """Steps between checkpoints; the validation loss is measured at each."""
    keep_checkpoints: int = Field(default=2, ge=1)
    patience: int = Field(default=3, ge=0)
    """Checks without a better validation loss after which training ends; 0 goes on to the end."""
    threads: int | None = Field(default=None, ge=1)
    """Processor threads; PyTorch's own choice when None."""


PRESETS: Final[Mapping[str, Mapping[str, JsonValue]]] = {
    "default": {},
    # Llama-2-70b's settings in arXiv:2405.15145, appendix; 4 bits wherever the machine can.
    "paper": {
        "rank": 64,
        "alpha": 16,
        "dropout": 0.1,
        "epochs": 6.0,
        "batch": 4,
        "learning_rate": 2e-4,
        "schedule": "constant",
        "warmup": 0.03,
        "quantization": "auto",
        "patience": 0,
    },
}
"""Settings by the name given to `--preset`."""
