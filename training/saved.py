"""Rows and what became of them in a run's folder: `training/<set>-<mode>/`, and the whole in `training/<mode>.json`."""

import json
from pathlib import Path
from typing import Final

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.whole_file import whole_file
from culturepark.training.dataset import Dataset
from culturepark.training.row import write_rows
from culturepark.training.settings import Mode, TrainSettings

TRAINING: Final = "training"
ROWS, VALIDATION, DROPPED = "rows.jsonl", "validation.jsonl", "dropped.jsonl"


def set_folder(run: Path, name: str, mode: Mode) -> Path:
    """Folder of one training set."""
    return run / TRAINING / f"{name}-{mode}"


def save_dataset(run: Path, dataset: Dataset, settings: TrainSettings) -> None:
    """Write every set's rows, what was left out with its reason, and the report with the settings.

    Raises:
        CultureParkError: When the folder cannot be written.
    """
    mode = settings.mode
    try:
        for one in dataset.sets:
            folder = set_folder(run, one.name, mode)
            folder.mkdir(parents=True, exist_ok=True)
            write_rows(folder / ROWS, one.rows)
            write_rows(folder / VALIDATION, one.validation)
        lines = [json.dumps(one.model_dump(mode="json"), ensure_ascii=False) for one in dataset.dropped]
        _write(run / TRAINING / f"{mode}-{DROPPED}", "".join(f"{line}\n" for line in lines))
        whole = {"settings": settings.model_dump(mode="json"), "report": dataset.report.model_dump(mode="json")}
        _write(run / TRAINING / f"{mode}.json", json.dumps(whole, ensure_ascii=False, indent=2) + "\n")
    except OSError as error:
        raise CultureParkError(
            f"{run / TRAINING}: the rows cannot be written ({error.strerror}); free space or change the folder's "
            "permissions, and run the same command"
        ) from None


def _write(path: Path, text: str) -> None:
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
