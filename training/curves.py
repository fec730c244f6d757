"""Loss by step: JSON lines beside the adapter, and a picture."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from culturepark.runtime.record import Record, build, read_text

CURVES = "curves.jsonl"
PICTURE = "curves.png"


class Curve(Record):
    """One point: a training step's loss, or a validation loss after it."""

    step: int
    loss: float | None = None
    """Mean negative log-likelihood of an answer's token in the step's rows, in nats."""
    learning_rate: float | None = None
    validation_loss: float | None = None
    """The same over all rows that are not trained on; at step 0 the base's own."""

    @classmethod
    def from_log(cls, entry: Mapping[str, Any]) -> "Curve | None":
        """Read an entry of Trainer's log; None for one that is no point (totals at the end)."""
        if "eval_loss" in entry:
            return cls(step=entry["step"], validation_loss=entry["eval_loss"])
        if "loss" in entry:
            return cls(step=entry["step"], loss=entry["loss"], learning_rate=entry["learning_rate"])
        return None


def write_curves(folder: Path, curve: Sequence[Curve]) -> None:
    """Write `curves.jsonl`."""
    lines = [json.dumps(point.model_dump(exclude_none=True)) + "\n" for point in curve]
    (folder / CURVES).write_text("".join(lines), encoding="utf-8")


def read_curves(folder: Path) -> list[Curve]:
    """Read an adapter's `curves.jsonl`.

    Raises:
        CultureParkError: When the file is missing or a line is no point.
    """
    path = folder / CURVES
    lines = read_text(path).splitlines()
    return [build(Curve, json.loads(line), place=f"{path}:{number}") for number, line in enumerate(lines, start=1)]


def draw_curves(folder: Path, curve: Sequence[Curve], *, title: str) -> None:
    """Draw `curves.png`: training and validation loss over steps."""
    # The object interface: pyplot would open windows and keep state of its own.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  (slow to import)
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    trained = [(point.step, point.loss) for point in curve if point.loss is not None]
    watched = [(point.step, point.validation_loss) for point in curve if point.validation_loss is not None]
    for points, label, style in ((trained, "training", "-"), (watched, "validation", "o-")):
        if points:
            axes.plot(*zip(*points, strict=True), style, label=label, markersize=4, linewidth=1)
    axes.set_xlabel("step")
    axes.set_ylabel("loss (nats per token of an answer)")
    axes.set_title(title)
    axes.legend()
    figure.savefig(folder / PICTURE, dpi=120)
