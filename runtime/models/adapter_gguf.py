"""A peft adapter as the GGUF file that llama.cpp serves beside its base."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.adapters import WEIGHTS, adapter_sha256, peft_config
from culturepark.runtime.models.weights import cache_folder

NAMES: Final[Mapping[str, str]] = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""transformers' names of linear layers in the families below, and llama.cpp's."""
FAMILIES: Final = ("llama", "qwen2")
TENSOR = re.compile(r"base_model\.model\.model\.layers\.(\d+)\.(\w+\.\w+)\.lora_([AB])\.weight")


def adapter_gguf(folder: Path, base: Path) -> Path:
    """Convert an adapter once; the file lies in the cache under the adapter's sha256.

    Args:
        folder: Standard peft adapter folder.
        base: GGUF file it is to be served on, whose family and number of heads decide the order of rows.

    Raises:
        CultureParkError: When the adapter or the family is of a kind llama.cpp's format cannot hold.
    """
    target = cache_folder() / "adapters" / f"{adapter_sha256(folder)[:20]}.gguf"
    if target.exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".adapter-") as workplace:
            partial = Path(workplace) / target.name
            _write(folder, base, partial)
            partial.replace(target)
    except OSError as error:
        raise CultureParkError(
            f"{target.parent}: the adapter cannot be stored for serving ({error.strerror}); free space or set "
            "CULTUREPARK_WEIGHTS to another folder"
        ) from None
    return target


def _write(folder: Path, base: Path, target: Path) -> None:
    from gguf import GGUFReader, GGUFWriter  # noqa: PLC0415  (only to serve adapters)
    from safetensors.numpy import load_file  # noqa: PLC0415

    config = peft_config(folder)
    _refuse_other_kinds(config, folder)
    reader = GGUFReader(base)
    family = _field(reader, "general.architecture")
    if family not in FAMILIES:
        raise CultureParkError(
            f"{base.name}: adapters of the family {family!r} cannot be served; only of {', '.join(FAMILIES)}"
        )
    heads = {
        "attn_q": int(_field(reader, f"{family}.attention.head_count")),
        "attn_k": int(_field(reader, f"{family}.attention.head_count_kv")),
    }
    writer = GGUFWriter(target, arch=family)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(config["lora_alpha"]))
    tensors = load_file(folder / WEIGHTS)
    for name in sorted(tensors):
        found = TENSOR.fullmatch(name)
        layer = NAMES.get(found[2]) if found else None
        if found is None or layer is None:
            raise CultureParkError(f"{folder}: {name!r} has no counterpart in a GGUF model, so it cannot be served")
        values = tensors[name].astype(np.float32)
        if found[3] == "B" and family == "llama" and layer in heads:
            values = interleave_halves(values, heads=heads[layer])
        writer.add_tensor(f"blk.{found[1]}.{layer}.weight.lora_{found[3].lower()}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def interleave_halves(rows: NDArray[np.float32], *, heads: int) -> NDArray[np.float32]:
    """Order the rows of a query or key matrix as llama.cpp's rotary embedding reads them.

    transformers rotates a head's first half against its second; llama.cpp's llama family rotates neighbours.

    Args:
        rows: Shape `(heads * d, any)`.
        heads: Number of heads that the rows belong to.
    """
    count, *rest = rows.shape
    halves = rows.reshape(heads, 2, count // heads // 2, *rest)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows.shape))


def _refuse_other_kinds(config: Mapping[str, Any], folder: Path) -> None:
    """Plain LoRA alone has the form A, B and alpha.

    Raises:
        CultureParkError: Names what is more than that.
    """
    more = [
        name
        for name in ("use_dora", "use_rslora", "modules_to_save", "rank_pattern", "alpha_pattern", "layer_replication")
        if config.get(name)
    ]
    if config.get("peft_type") != "LORA" or config.get("bias", "none") != "none" or more:
        kind = ", ".join(more) or f"peft_type {config.get('peft_type')}, bias {config.get('bias')}"
        raise CultureParkError(f"{folder}: only plain LoRA can be served, this adapter has {kind}; merge it instead")


def _field(reader: Any, name: str) -> Any:
    field = reader.get_field(name)
    if field is None:
        raise CultureParkError(f"the base's GGUF file does not say {name!r}, so no adapter can be served on it")
    return field.contents()
