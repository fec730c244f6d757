"""An adapter merged into its base: an ordinary transformers folder that needs neither peft nor us."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.adapters import read_adapter, refuse_other_base
from culturepark.training.quiet import quiet_frameworks
from culturepark.training.trainer import disk_reason, out_of_space
from culturepark.training.weights import Base, find_base


def load_adapted(folder: Path, base: Base) -> Any:
    """The base in float32 with an adapter on it, as peft's model.

    Raises:
        CultureParkError: When the folder is no adapter, or one of another base.
    """
    refuse_other_base(read_adapter(folder), place=str(folder), name=base.name, base_sha256=base.sha256)
    with quiet_frameworks():
        import torch  # noqa: PLC0415  (slow to import)
        from peft import PeftModel  # noqa: PLC0415
        from transformers import AutoModelForCausalLM  # noqa: PLC0415

        model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32, use_safetensors=True)
        return PeftModel.from_pretrained(model, str(folder)).eval()


def merge_adapter(folder: Path, out: Path, *, base: str | None = None) -> Path:
    """Write base plus adapter as one transformers folder, tokenizer and chat template with it.

    Args:
        folder: Adapter.
        out: New folder; appears whole or not at all.
        base: Built-in name, hub id or folder; the adapter's own base by name when None.

    Raises:
        CultureParkError: For an adapter of another base, a folder that is there already, or a full disk.
    """
    if out.exists():
        raise CultureParkError(f"{out}: is there already; choose another --out")
    found = find_base(base or read_adapter(folder).base)
    model = load_adapted(folder, found)
    with quiet_frameworks():
        from transformers import AutoTokenizer  # noqa: PLC0415  (slow to import)

        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            workplace = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
        except OSError as error:
            raise CultureParkError(f"{out}: cannot be written ({error.strerror})") from None
        try:
            model.merge_and_unload().save_pretrained(workplace)
            AutoTokenizer.from_pretrained(found.folder).save_pretrained(workplace)
            workplace.chmod(0o755)
            workplace.replace(out)
        except Exception as error:
            if not out_of_space(error, out.parent):
                raise
            raise CultureParkError(f"{out}: cannot be written ({disk_reason(error)}); nothing was kept") from None
        finally:
            shutil.rmtree(workplace, ignore_errors=True)
    return out
