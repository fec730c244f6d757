"""One training as a folder: `python -m culturepark.training.job FOLDER`, one process or several.

`torchrun` or `accelerate launch` starts several, each with a share of every step's rows. The folder holds `job.json`,
`rows.jsonl` and `validation.jsonl`, and gets the adapter. Every process reads the same files; the first one writes.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from culturepark.runtime.console import note
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.progress import Reporter
from culturepark.runtime.record import Record, build, read_yaml
from culturepark.training.local import Trained, train_adapter
from culturepark.training.lora_settings import LoraSettings
from culturepark.training.model_card import Provenance
from culturepark.training.row import Row, read_rows, write_rows

JOB = "job.json"
ROWS = "rows.jsonl"
VALIDATION = "validation.jsonl"


class Job(Record):
    """Everything but the rows."""

    settings: LoraSettings
    seed: int = 0
    provenance: Provenance = Provenance()


def write_job(folder: Path, job: Job, rows: Sequence[Row], validation: Sequence[Row]) -> None:
    """Write a training down; nothing is trained yet."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_rows(folder / ROWS, rows)
        write_rows(folder / VALIDATION, validation)
        (folder / JOB).write_text(job.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise CultureParkError(f"{folder}: the training cannot be written down ({error.strerror})") from None


def run_job(folder: Path, *, progress: Reporter | None = None) -> Trained:
    """Train what the folder says, or go on with it.

    Raises:
        CultureParkError: As `train_adapter`, and when the folder holds no job.
    """
    if not (folder / JOB).is_file():
        raise CultureParkError(f"{folder}: holds no {JOB}; `culturepark train RUN --jobs` writes one")
    # JSON is YAML, and the reader names file and line.
    job = build(Job, read_yaml(folder / JOB), place=str(folder / JOB))
    rows, validation = read_rows(folder / ROWS), read_rows(folder / VALIDATION)
    return train_adapter(
        rows, validation, job.settings, folder, seed=job.seed, provenance=job.provenance, progress=progress
    )


def main() -> None:
    """Run the job of the folder that is named on the command line."""
    if len(sys.argv) != 2:
        note("error: write python -m culturepark.training.job FOLDER")
        sys.exit(2)
    try:
        run_job(Path(sys.argv[1]))
    except CultureParkError as error:
        note(f"error: {error}")
        sys.exit(2)


if __name__ == "__main__":
    main()
