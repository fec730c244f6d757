"""Bases that can be trained: the built-in models as ordinary transformers folders, hub ids, and folders.

A built-in model is a quantised GGUF file, which Trainer refuses. It is turned into safetensors once, with its
tokenizer and chat template, and stays in the user's cache under the sha256 of the file it was made from.
"""

import hashlib
import json
import tempfile
from contextlib import redirect_stderr, suppress
from io import StringIO
from pathlib import Path

from culturepark.runtime.console import note
from culturepark.runtime.errors import CultureParkError, did_you_mean
from culturepark.runtime.models.weights import cache_folder, fetch, find_weights, one_fetcher, weights_table
from culturepark.runtime.record import Record
from culturepark.training.quiet import quiet_frameworks

HUB_FILES = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]


class Base(Record):
    """A model to train on, as a transformers folder."""

    name: str
    """Built-in name, hub id, or the folder's own name."""
    folder: Path
    sha256: str
    """Of the GGUF file of a built-in model; of the names and hashes of all safetensors files of any other."""

    @property
    def builtin(self) -> bool:
        """Whether it can be served back as `builtin:NAME+ADAPTER`."""
        return self.name in weights_table()


def find_base(name: str) -> Base:
    """Fetch, convert and name a base.

    Args:
        name: `smollm2-135m` or another built-in model that talks (also as `builtin:NAME`), a folder with
            `config.json` and safetensors, or a hub id such as `meta-llama/Llama-2-70b-chat-hf`.

    Raises:
        CultureParkError: When it is none of these, cannot be reached, stored or read, or has no safetensors.
    """
    name = name.removeprefix("builtin:")
    if name in weights_table():
        entry = find_weights(name)
        if entry.kind != "gguf":
            raise CultureParkError(f"base {name!r} is an embedder; models to train: {', '.join(builtin_bases())}")
        return Base(name=name, folder=_converted(name, entry.sha256), sha256=entry.sha256)
    folder = Path(name)
    if folder.is_dir():
        return Base(name=folder.resolve().name, folder=folder, sha256=folder_sha256(folder))
    if name.count("/") != 1:
        hint = did_you_mean(name, builtin_bases())
        raise CultureParkError(
            f"base {name!r} is no built-in model, folder or hub id{hint}; built in: {', '.join(builtin_bases())}"
        )
    folder = _from_hub(name)
    return Base(name=name, folder=folder, sha256=folder_sha256(folder))


def builtin_bases() -> list[str]:
    """Names of the built-in models that can be trained."""
    return [name for name, entry in weights_table().items() if entry.kind == "gguf"]


def folder_sha256(folder: Path) -> str:
    """Hash the weights of a transformers folder, whatever it is called and wherever it lies.

    Raises:
        CultureParkError: When it holds no safetensors or no `config.json`.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files or not (folder / "config.json").is_file():
        raise CultureParkError(
            f"base {str(folder)!r} is no transformers folder: it needs config.json and *.safetensors"
        )
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415  (slow to import)
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        return Path(snapshot_download(name, allow_patterns=HUB_FILES))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CultureParkError(
            f"base {name!r} cannot be fetched from the hub ({reason}); "
            f"use one of {', '.join(builtin_bases())}, or a folder"
        ) from None


def _converted(name: str, sha256: str) -> Path:
    """The transformers folder of a built-in model, made once."""
    target = cache_folder() / "transformers" / f"{name}-{sha256[:12]}"
    if target.is_dir():
        return target
    gguf = fetch(name)
    try:
        with one_fetcher(target.parent, target.name):
            if not target.is_dir():
                _convert(gguf, target, sha256)
    except OSError as error:
        raise CultureParkError(
            f"{target.parent}: {name!r} cannot be stored for training ({error.strerror or error}); free space or set "
            "CULTUREPARK_WEIGHTS to another folder"
        ) from None
    return target


def _convert(gguf: Path, target: Path, sha256: str) -> None:
    """Dequantise into a workplace beside the final name, then move: no half folder ever has that name."""
    note(f"converting {gguf.name} once into {target}")
    with quiet_frameworks():
        import torch  # noqa: PLC0415  (slow to import)
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as place:
            workplace = Path(place) / target.name
            tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
            with redirect_stderr(StringIO()):  # a bar that cannot be switched off
                model = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
            # What is left of the quantisation makes save_pretrained and Trainer refuse plain float weights.
            with suppress(AttributeError):
                del model.hf_quantizer
            model.is_quantized = False  # type: ignore[assignment]
            if hasattr(model.config, "quantization_config"):
                del model.config.quantization_config
            model.save_pretrained(workplace)
            tokenizer.save_pretrained(workplace)
            made_from = {"gguf": gguf.name, "sha256": sha256}
            (workplace / "made_from.json").write_text(json.dumps(made_from), encoding="utf-8")
            workplace.replace(target)
