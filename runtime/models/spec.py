"""Which model: the words after `--model`, and the identity that keys and ids are made with."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.models.adapters import adapter_sha256, find_adapter, refuse_other_base
from culturepark.runtime.models.nli import nli_identity
from culturepark.runtime.models.weights import find_weights, weights_table
from culturepark.runtime.record import Record

DEFAULT_BUILTIN = "qwen2.5-coder-1.5b"
KINDS = ("builtin", "openai", "gguf", "nli")


class ModelSpec(Record):
    """A model as a user names it."""

    kind: Literal["builtin", "openai", "gguf", "nli"]
    name: str
    """Name in the weights table, name as the endpoint knows it, path of a GGUF file, or folder or hub id of a
    cross-encoder."""
    adapter: Path | None = None
    """Folder of the adapter that is served on a built-in model."""

    @property
    def talks(self) -> bool:
        """Whether it writes text; a cross-encoder only judges pairs."""
        return self.kind != "nli"

    @property
    def identity(self) -> str:
        """Provider and name, with the weights' hash where they are at hand; never a URL."""
        if self.kind == "openai":
            return f"openai:{self.name}"
        if self.adapter is not None:
            # By content, so that an adapter may be renamed and moved; `find_adapter` reads the hash as a name.
            adapter = adapter_sha256(self.adapter)[:12]
            return f"builtin:{self.name}+{adapter}@{find_weights(self.name).sha256[:12]}"
        if self.kind == "builtin":
            return f"builtin:{self.name}@{find_weights(self.name).sha256[:12]}"
        if self.kind == "nli":
            return nli_identity(self.name)
        return f"gguf:{Path(self.name).name}@{_file_sha256(self.name)[:12]}"


def parse_model(text: str) -> ModelSpec:
    """Read `builtin`, `builtin:NAME`, `builtin:NAME+ADAPTER`, `openai:NAME` or `gguf:PATH`; for a judge `nli:NAME`.

    Raises:
        CultureParkError: For anything else, with the closest known name, and for an adapter of another base.
    """
    kind, _, name = text.partition(":")
    if kind == "builtin":
        name, plus, adapter = (name or DEFAULT_BUILTIN).partition("+")
        if find_weights(name).kind != "gguf":
            models = [known for known, entry in weights_table().items() if entry.kind == "gguf"]
            raise CultureParkError(f"model {text!r} is an embedder; models that talk: {', '.join(models)}")
        return ModelSpec(kind="builtin", name=name, adapter=_adapter(adapter, base=name, text=text) if plus else None)
    if kind == "gguf":
        if not Path(name).is_file():
            raise CultureParkError(f"model {text!r}: there is no file {name!r}")
        return ModelSpec(kind="gguf", name=name)
    if kind == "nli":
        nli_identity(name)
        return ModelSpec(kind="nli", name=name)
    if kind == "openai" and name:
        return ModelSpec(kind="openai", name=name)
    if kind == "openai":
        raise CultureParkError("model 'openai:' names no model; write for instance openai:gpt-4o-mini")
    raise unknown(
        "kind of model", kind, KINDS, place=f"model {text!r} (builtin[:NAME[+ADAPTER]], openai:NAME or gguf:PATH)"
    )


def _adapter(name: str, *, base: str, text: str) -> Path:
    if not name:
        raise CultureParkError(f"model {text!r} names no adapter; `culturepark models list` shows those there are")
    found = find_adapter(name)
    refuse_other_base(found.adapter, place=name, name=base, base_sha256=find_weights(base).sha256)
    return found.folder


@lru_cache(maxsize=4)
def _file_sha256(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
