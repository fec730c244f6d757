"""Training for real, on a tiny base: what must agree does, a kill loses nothing, and mistakes are one line."""

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.adapters import WEIGHTS, read_adapter
from culturepark.training.curves import Curve, read_curves
from culturepark.training.job import Job, run_job, write_job
from culturepark.training.local import CHECKPOINTS, train_adapter
from culturepark.training.lora_settings import PRESETS, LoraSettings
from culturepark.training.model_card import Provenance
from culturepark.training.trainer import COMPLETE
from tests.training.tiny import make_rows, tiny_base

ROWS = make_rows(16)
WATCHED = make_rows(5, seed=1)


@pytest.fixture
def settings(base: Path) -> LoraSettings:
    return LoraSettings(base=str(base), rank=4, alpha=8, epochs=2, batch=4, check_every=3, learning_rate=1e-2)


def losses(folder: Path) -> list[float]:
    return [point.loss for point in read_curves(folder) if point.loss is not None]


def test_an_adapter_folder_says_all_of_itself(settings: LoraSettings, tmp_path: Path) -> None:
    provenance = Provenance(
        run="small", mode="culturepark", funnel=(("talks", 9), ("rows", 16)), licences={"wvs7": "x"}
    )
    trained = train_adapter(ROWS, WATCHED, settings, tmp_path / "arabic", provenance=provenance)

    assert sorted(path.name for path in trained.folder.iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "culturepark.json",
        "curves.jsonl",
        "curves.png",
        "training.json",
    ]
    adapter = read_adapter(trained.folder)
    assert adapter == trained.adapter
    assert (adapter.cultures, adapter.rows, adapter.rows_by_country) == (("arabic",), 16, {"JOR": 16})
    assert (adapter.steps, adapter.stopped_early, adapter.seed) == (8, False, 0)
    assert adapter.validation_loss_before is not None
    assert adapter.validation_loss is not None
    assert adapter.validation_loss < adapter.validation_loss_before - 0.1
    curve = read_curves(trained.folder)
    assert [point.step for point in curve if point.validation_loss is not None] == [0, 3, 6, 8]
    assert [point.step for point in curve if point.loss is not None] == list(range(1, 9))
    card = (trained.folder / "README.md").read_text(encoding="utf-8")
    for said in ("base_model: tiny-llama", "| JOR | 16 |", "| talks | 9 |", "| wvs7 | x |", "no real person said"):
        assert said in card
    config = json.loads((trained.folder / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "tiny-llama"

    again = train_adapter(ROWS, WATCHED, settings, tmp_path / "arabic")
    assert (again.trained_now, again.adapter) == (False, adapter)


@pytest.mark.slow
def test_batches_of_eight_are_eight_batches_of_one(settings: LoraSettings, tmp_path: Path) -> None:
    curves = []
    for batch, accumulation, batching in ((8, 1, "shared"), (1, 8, "shared"), (8, 1, "plain"), (2, 4, "plain")):
        changed = settings.model_copy(update={"batch": batch, "accumulation": accumulation, "batching": batching})
        curves.append(losses(train_adapter(ROWS, [], changed, tmp_path / f"{batch}-{batching}").folder))

    for other in curves[1:]:
        assert other == pytest.approx(curves[0], abs=1e-4)


@pytest.mark.slow
def test_a_seed_decides_everything(settings: LoraSettings, tmp_path: Path) -> None:
    changed = settings.model_copy(update={"dropout": 0.1, "max_steps": 2})
    folders = [
        train_adapter(ROWS, [], changed, tmp_path / name, seed=seed).folder
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    first, second, third = (load_file(folder / WEIGHTS) for folder in folders)

    assert all(first[name].equal(second[name]) for name in first)
    assert not all(first[name].equal(third[name]) for name in first)


@pytest.mark.slow
def test_training_ends_when_the_validation_loss_rises(settings: LoraSettings, tmp_path: Path) -> None:
    changed = settings.model_copy(update={"learning_rate": 3.0, "epochs": 20, "check_every": 2, "patience": 2})

    adapter = train_adapter(ROWS, WATCHED, changed, tmp_path / "wild").adapter

    assert adapter.stopped_early
    assert adapter.steps < 80


class At:
    """Does something once a step of training is reached."""

    def __init__(self, step: int, action: Callable[[], None]) -> None:
        self._left, self._action = step, action

    def start(self, what: str, *, total: int, done: int = 0) -> None:
        self._left -= done

    def advance(self, pieces: int = 1) -> None:
        self._left -= pieces
        if self._left == 0:
            self._action()


@pytest.mark.slow
def test_a_full_disk_leaves_earlier_checkpoints(settings: LoraSettings, tmp_path: Path) -> None:
    folder, whole = tmp_path / "arabic", resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        limit = At(5, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, whole[1])))
        with pytest.raises(CultureParkError) as error:
            train_adapter(ROWS, WATCHED, settings, folder, progress=limit)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, whole)

    assert str(error.value).startswith(f"{folder / CHECKPOINTS}/checkpoint-6: the checkpoint cannot be written (")
    assert str(error.value).endswith("earlier ones are intact: free space and run the same command")
    assert [path.name for path in (folder / CHECKPOINTS).iterdir()] == ["checkpoint-3"]
    resumed = train_adapter(ROWS, WATCHED, settings, folder)
    straight = train_adapter(ROWS, WATCHED, settings, tmp_path / "straight")
    assert losses(resumed.folder) == pytest.approx(losses(straight.folder), abs=1e-4)


@pytest.mark.slow
def test_resumed_after_a_kill_is_uninterrupted(settings: LoraSettings, tmp_path: Path) -> None:
    job = Job(settings=settings.model_copy(update={"epochs": 15, "dropout": 0.1, "patience": 0}), seed=3)
    write_job(tmp_path / "killed", job, ROWS, WATCHED)
    child = subprocess.Popen([sys.executable, "-m", "culturepark.training.job", str(tmp_path / "killed")])
    while not list((tmp_path / "killed" / CHECKPOINTS).glob(f"checkpoint-*/{COMPLETE}")):
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "killed" / "culturepark.json").exists()

    resumed = run_job(tmp_path / "killed")

    write_job(tmp_path / "straight", job, ROWS, WATCHED)
    straight = run_job(tmp_path / "straight")
    assert _same(read_curves(resumed.folder), read_curves(straight.folder))
    theirs, ours = load_file(straight.folder / WEIGHTS), load_file(resumed.folder / WEIGHTS)
    assert all(theirs[name].allclose(ours[name], atol=1e-5) for name in theirs)


def _same(one: list[Curve], other: list[Curve]) -> bool:
    def numbers(curve: list[Curve]) -> list[float]:
        return [value for point in curve for value in (point.step, point.loss or 0.0, point.validation_loss or 0.0)]

    return numbers(one) == pytest.approx(numbers(other), abs=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"target_modules": ("q_prj",)},
            "target_modules of base 'tiny-llama': no linear module named 'q_prj'; did you mean 'q_proj'? "
            "Known: down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj.",
        ),
        (
            {"quantization": "nf4"},
            "quantization 'nf4' needs a CUDA GPU and `pip install bitsandbytes`; use 'auto', which does without here",
        ),
        (
            {"base": "smollm2-135"},
            "base 'smollm2-135' is no built-in model, folder or hub id; did you mean 'smollm2-135m'?; "
            "built in: qwen2.5-coder-1.5b, qwen2.5-coder-0.5b, smollm2-135m",
        ),
        ({"base": "all-minilm-l6-v2"}, "base 'all-minilm-l6-v2' is an embedder; models to train: "
         "qwen2.5-coder-1.5b, qwen2.5-coder-0.5b, smollm2-135m"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_leave_nothing(
    settings: LoraSettings, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(CultureParkError) as error:
        train_adapter(ROWS, [], settings.model_copy(update=change), tmp_path / "arabic")

    assert str(error.value) == message
    assert not (tmp_path / "arabic").exists()


def test_no_rows_are_refused(settings: LoraSettings, tmp_path: Path) -> None:
    with pytest.raises(CultureParkError, match=r"^no rows to train on; loosen what was selected$"):
        train_adapter([], [], settings, tmp_path / "arabic")


def test_a_folder_of_another_training_is_refused(settings: LoraSettings, tmp_path: Path) -> None:
    train_adapter(ROWS, [], settings.model_copy(update={"max_steps": 1}), tmp_path / "arabic")

    with pytest.raises(CultureParkError) as error:
        train_adapter(ROWS[:8], [], settings, tmp_path / "arabic", seed=1)

    assert str(error.value) == (
        f"{tmp_path / 'arabic'}: holds a training with other rows and settings and seed; "
        "delete the folder or choose another name"
    )


def test_a_base_without_a_chat_template_is_refused(settings: LoraSettings, tmp_path: Path) -> None:
    plain = tiny_base(tmp_path / "plain", template=None)

    with pytest.raises(CultureParkError, match=r"^base 'plain' has no chat template"):
        train_adapter(ROWS, [], settings.model_copy(update={"base": str(plain)}), tmp_path / "arabic")

    shutil.rmtree(plain)


def test_the_paper_s_preset_is_the_paper_s() -> None:
    paper = LoraSettings.model_validate(PRESETS["paper"])

    assert (paper.rank, paper.alpha, paper.dropout, paper.epochs, paper.batch) == (64, 16, 0.1, 6.0, 4)
    assert (paper.learning_rate, paper.schedule, paper.warmup) == (2e-4, "constant", 0.03)
