"""The shipped FSDP configuration, read by accelerate's own parser and loader. No GPU is needed for that, or here."""

from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser

from culturepark.training.job import main
from tests.conftest import ROOT

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
    assert capsys.readouterr().err == f"error: {tmp_path}: holds no job.json; `culturepark train` writes one\n"
