"""Commands of the docs, read by accelerate's and torchrun's own parsers, and one training by two processes for real.

No GPU is needed for that, or here.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from safetensors.torch import load_file
from torch.distributed.run import config_from_args, get_args_parser

from culturepark.runtime.models.adapters import WEIGHTS, read_adapter
from culturepark.training.curves import Curve, read_curves
from culturepark.training.job import Job, main, run_job, write_job
from culturepark.training.lora_settings import LoraSettings
from culturepark.training.row import read_rows
from tests.commands import command, document, mistake
from tests.conftest import ROOT
from tests.training.tiny import make_rows

CONFIG = ROOT / "training/fsdp.yaml"


def test_accelerate_reads_the_configuration() -> None:
    config = load_config_from_file(str(CONFIG))

    assert config.distributed_type == "FSDP"
    assert config.num_processes == 8
    assert config.mixed_precision == "bf16"


def test_accelerate_takes_the_command_of_the_docs(tmp_path: Path) -> None:
    words = ["--config_file", str(CONFIG), "-m", "culturepark.training.job", str(tmp_path)]

    arguments, *_ = _validate_launch_command(launch_command_parser().parse_args(words))

    assert arguments.module
    assert (arguments.training_script, arguments.training_script_args) == ("culturepark.training.job", [str(tmp_path)])
    assert arguments.use_fsdp
    assert arguments.fsdp_version == 2
    assert arguments.fsdp_auto_wrap_policy == "TRANSFORMER_BASED_WRAP"


def test_a_folder_without_a_job_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["job", str(tmp_path)])

    with pytest.raises(SystemExit) as end:
        main()

    assert end.value.code == 2
    assert (
        capsys.readouterr().err == f"error: {tmp_path}: holds no job.json; `culturepark train RUN --jobs` writes one\n"
    )


def launches(program: str) -> list[list[str]]:
    """What docs/training.md writes after a program's name."""
    lines = (ROOT / "docs/training.md").read_text(encoding="utf-8").splitlines()
    words = [shlex.split(line, comments=True) for line in lines if line.startswith(f"{program} ")]
    return [after[len(program.split()) :] for after in words]


def test_torchrun_takes_the_commands_of_the_docs() -> None:
    read = [config_from_args(get_args_parser().parse_args(words)) for words in launches("torchrun")]

    nodes = [(config.min_nodes, config.max_nodes, config.nproc_per_node) for config, _, _ in read]
    assert nodes == [(1, 1, 4), (2, 2, 8)]
    assert [(config.rdzv_backend, config.rdzv_endpoint) for config, _, _ in read[1:]] == [("c10d", "gpu1:29500")]
    for _, program, arguments in read:
        assert program == sys.executable
        assert arguments[-3:] == ["-m", "culturepark.training.job", "runs/panels/adapters/arabic"]


def test_accelerate_takes_the_commands_of_the_docs() -> None:
    read = [launch_command_parser().parse_args(words) for words in launches("accelerate launch")]
    checked = [_validate_launch_command(arguments)[0] for arguments in read]

    assert [(one.multi_gpu, one.num_processes, one.num_machines) for one in checked] == [(True, 4, 1)]
    for one in checked:
        assert one.module
        assert (one.training_script, one.training_script_args) == (
            "culturepark.training.job", ["runs/panels/adapters/arabic"],
        )  # fmt: skip


@pytest.mark.slow
def test_two_processes_make_one_adapter_of_shared_batches(base: Path, tmp_path: Path) -> None:
    """Two processes with batches of 4 take the steps of one with batches of 8: each has its half of every step's rows."""
    settings = LoraSettings(base=str(base), rank=4, epochs=2, batch=4, check_every=2, patience=0, learning_rate=1e-2)
    rows, watched = make_rows(32), make_rows(6, seed=1)
    write_job(tmp_path / "two", Job(settings=settings), rows, watched)
    write_job(tmp_path / "one", Job(settings=settings.model_copy(update={"batch": 8})), rows, watched)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

    done = subprocess.run(
        [*torchrun, "-m", "culturepark.training.job", str(tmp_path / "two")],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    alone = run_job(tmp_path / "one")

    assert done.returncode == 0, done.stderr
    files = {path.name for path in (tmp_path / "two").iterdir()}
    assert files == {path.name for path in alone.folder.iterdir()}
    assert read_adapter(tmp_path / "two").steps == 8
    assert _numbers(read_curves(tmp_path / "two")) == pytest.approx(_numbers(read_curves(alone.folder)), abs=1e-4)
    theirs, ours = load_file(tmp_path / "two" / WEIGHTS), load_file(alone.folder / WEIGHTS)
    assert all(theirs[name].allclose(ours[name], atol=1e-3) for name in theirs)


def _numbers(curve: list[Curve]) -> list[float]:
    return [value for point in curve for value in (point.step, point.loss or 0.0, point.validation_loss or 0.0)]


@pytest.mark.slow
def test_train_writes_its_trainings_down_and_finds_them_done(refined_run: Path, base: Path) -> None:
    chosen = ("train", refined_run, "--culture", "arabic", "--base", str(base))

    shown = command(*chosen, "--jobs").splitlines()[-1].split("\t")

    folder = refined_run / "adapters" / "arabic"
    assert shown == ["arabic", "written", "-", f"torchrun --nproc-per-node 2 -m culturepark.training.job {folder}"]
    assert {path.name for path in folder.iterdir()} == {"job.json", "rows.jsonl", "validation.jsonl"}
    rows = read_rows(refined_run / "training" / "arabic-culturepark" / "rows.jsonl")
    assert read_rows(folder / "rows.jsonl") == rows
    trained = run_job(folder)
    again = document(*chosen)["models"]
    assert [(one["name"], one["status"]) for one in again] == [("arabic", "succeeded")]
    assert read_adapter(folder) == trained.adapter

    line = mistake("train", refined_run, "--method", "openai", "--base", "openai:gpt-4o-mini-2024-07-18", "--jobs")
    assert line == "--jobs writes trainings for this machine, and --method openai trains elsewhere; drop one"
