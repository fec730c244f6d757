"""An adapter of a real model, served: the server says what transformers says, and not what the base says."""

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFReader, GGUFValueType, GGUFWriter, dequantize
from transformers import AutoTokenizer

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.adapter_gguf import adapter_gguf, interleave_halves
from culturepark.runtime.models.adapters import adapter_sha256
from culturepark.runtime.models.builtin import serve
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.models.weights import find_weights
from culturepark.training.encoding import prompt_tokens
from culturepark.training.local import train_adapter
from culturepark.training.lora_settings import LoraSettings
from culturepark.training.merging import load_adapted
from culturepark.training.weights import find_base
from tests.commands import document
from tests.training.tiny import make_rows

SMALL = "smollm2-135m"
SAID = 12


def test_rows_are_ordered_as_the_server_rotates_them() -> None:
    rows = np.arange(8, dtype=np.float32).reshape(8, 1)

    assert interleave_halves(rows, heads=2).flatten().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "arabic"
    settings = LoraSettings(base=SMALL, rank=4, max_steps=6, batch=2, learning_rate=5e-3, schedule="constant")
    return train_adapter(make_rows(4, words=3), [], settings, folder).folder


@pytest.mark.slow
def test_server_and_transformers_say_the_same(adapter: Path, tmp_path: Path) -> None:
    base = find_base(SMALL)
    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    prompt = prompt_tokens(make_rows(1)[0].messages[:-1], tokenizer)
    weights = tmp_path / "float.gguf"
    write_dequantised(weights)
    with_adapter, without = asyncio.run(served(weights, adapter_gguf(adapter, weights), prompt))

    model = load_adapted(adapter, base)
    ids = torch.tensor([prompt])
    adapted = greedy(model, ids)
    with model.disable_adapter():
        plain = greedy(model, ids)
        plain_logits = model(ids).logits
    difference = (model(ids).logits - plain_logits).abs().max().item()

    assert with_adapter == adapted
    assert without == plain
    assert adapted != plain
    assert difference > 0.1


@pytest.mark.slow
def test_bench_measures_the_adapter_and_not_the_base(adapter: Path, tmp_path: Path) -> None:
    tuned = f"builtin:{SMALL}+{adapter}"
    found = document(
        "bench", "opinions", "--model", tuned, "--baseline", f"builtin:{SMALL}", "--scoring", "likelihood",
        "--culture", "arabic", "--prompt-language", "en", "--limit", "1", "--run", tmp_path / "run",
    )  # fmt: skip

    plain, adapted = found["results"]
    assert (plain["model"], adapted["model"]) == (f"builtin:{SMALL}", tuned)
    assert adapter_sha256(adapter)[:12] in adapted["identity"]
    assert plain["counts"] == adapted["counts"]
    (without,), (with_it,) = plain["items"], adapted["items"]
    assert without["id"] == with_it["id"]
    assert abs(without["value"] - with_it["value"]) > 0.001


@pytest.mark.slow
def test_an_adapter_is_named_by_what_it_holds(adapter: Path) -> None:
    spec = parse_model(f"builtin:{SMALL}+{adapter}")

    assert spec.adapter == adapter
    assert spec.identity == f"builtin:{SMALL}+{adapter_sha256(adapter)[:12]}@{find_weights(SMALL).sha256[:12]}"


@pytest.mark.slow
def test_an_adapter_is_refused_on_another_base(adapter: Path) -> None:
    with pytest.raises(CultureParkError) as error:
        parse_model(f"builtin:qwen2.5-coder-0.5b+{adapter}")

    assert str(error.value) == (
        f"adapter '{adapter}' was trained on smollm2-135m (b179c9523d0e), not on qwen2.5-coder-0.5b (1d9614638d18); "
        "use it with its own base"
    )


def greedy(model: Any, ids: torch.Tensor) -> list[int]:
    said = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=SAID, do_sample=False)
    return list(said[0, ids.shape[1] :].tolist())


async def served(weights: Path, adapter: Path, prompt: list[int]) -> tuple[list[int], list[int]]:
    said = []
    for lora in (adapter, None):
        async with serve(weights, slots=1, context=512, adapter=lora) as server:
            said.append(await asyncio.to_thread(complete, server.base_url.removesuffix("/v1"), prompt))
    return said[0], said[1]


def complete(url: str, prompt: list[int]) -> list[int]:
    body = {"prompt": prompt, "n_predict": SAID, "temperature": 0, "return_tokens": True}
    request = urllib.request.Request(
        f"{url}/completion", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as reply:
        return list(json.load(reply)["tokens"])


def write_dequantised(target: Path) -> None:
    """The same GGUF with its weights as floats: what transformers reads out of the quantised one."""
    from culturepark.runtime.models.weights import fetch

    reader = GGUFReader(fetch(SMALL))
    writer = GGUFWriter(target, arch="llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in {"general.architecture", "general.file_type"}:
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=inner)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
