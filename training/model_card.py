"""The README of an adapter: what it is, what it was trained on, how, how well it does, and what it is not."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml
from pydantic import JsonValue

from culturepark.runtime.models.adapters import Adapter
from culturepark.runtime.models.weights import weights_table
from culturepark.runtime.record import Record

CARD = "README.md"
PURPOSE = (
    "A LoRA adapter for {base} that answers survey questions as people of these cultures are simulated to: {cultures}. "
    "Made with CulturePark, which re-implements arXiv:2405.15145."
)
SYNTHETIC = (
    "**Synthetic: no real person said these things.** They were written by language models held to answers that "
    "people of a country gave in a survey, or drawn from the survey's counts."
)
LIMITS = (
    "Answers follow a survey's distribution of stated opinions in one country and year; a country is not a culture, "
    "and a culture's people differ. Not testimony, not a substitute for asking people, and not fit for targeting "
    "people or posing as public opinion. Everything the base gets wrong, the adapter can get wrong."
)


class Provenance(Record):
    """Where an adapter's rows came from."""

    run: str | None = None
    mode: str | None = None
    """`culturepark`, or the baseline that made the rows."""
    funnel: tuple[tuple[str, int], ...] = ()
    """Counts on the way from talks to rows, in order."""
    licences: Mapping[str, str] = {}
    """Source of data to the terms it is under."""
    scores: tuple[tuple[str, str], ...] = ()
    """Benchmark and result, once there are any."""


def write_card(folder: Path, adapter: Adapter, provenance: Provenance) -> None:
    """Write the model card; text of others (names of bases and runs) stands in code spans."""
    (folder / CARD).write_text(card(folder.name, adapter, provenance), encoding="utf-8")


def card(name: str, adapter: Adapter, provenance: Provenance) -> str:
    """The card as Markdown with the hub's front matter."""
    builtin = weights_table().get(adapter.base)
    front = {
        "base_model": adapter.base,
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["lora", "culturepark", "synthetic-data", *adapter.cultures],
    }
    made = "".join(
        f" {word} {_code(value)}." for word, value in (("Mode", provenance.mode), ("Run", provenance.run)) if value
    )
    counted = (
        f"{adapter.rows} rows (sha256 {_code(adapter.rows_sha256)}), {adapter.validation_rows} more to watch with."
    )
    served = f"culturepark simulate --model builtin:{adapter.base}+PATH\n" if builtin else ""
    parts = [
        f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n",
        f"# {_code(name)}\n",
        f"{PURPOSE.format(base=_code(adapter.base), cultures=', '.join(adapter.cultures))}\n",
        "## Use\n",
        f"```sh\n{served}culturepark models merge PATH --out merged\n```\n",
        "## Base\n",
        _table(
            ("", ""),
            [
                ("base", _code(adapter.base)),
                ("sha256", _code(adapter.base_sha256)),
                *([("weights", builtin.what), ("licence of the base", builtin.licence)] if builtin else []),
            ],
        ),
        "## Data\n",
        f"{SYNTHETIC}\n",
        _table(("country", "rows"), adapter.rows_by_country.items()),
        _table(("kind of row", "rows"), adapter.rows_by_kind.items()),
        f"{counted}{made}\n",
        *([_table(("funnel", "count"), provenance.funnel)] if provenance.funnel else []),
        *([_table(("data", "terms"), provenance.licences.items())] if provenance.licences else []),
        "## Training\n",
        _table(("setting", "value"), [(key, _code(value)) for key, value in adapter.settings.items()]),
        _table(
            ("", ""),
            [
                ("seed", adapter.seed),
                ("device", f"{adapter.device}, {adapter.precision}, quantization {adapter.quantization}"),
                ("steps", f"{adapter.steps}{' (stopped early)' if adapter.stopped_early else ''}"),
                ("training loss, nats a token", _loss(adapter.loss)),
                ("validation loss of the base", _loss(adapter.validation_loss_before)),
                ("validation loss", _loss(adapter.validation_loss)),
            ],
        ),
        "![loss by step](curves.png)\n",
        "## Scores\n",
        _table(("benchmark", "result"), provenance.scores) if provenance.scores else "None measured yet.\n",
        "## Limits\n",
        f"{LIMITS}\n",
    ]
    return "\n".join(parts)


def _loss(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4f}"


def _code(value: JsonValue) -> str:
    text = str(value).replace("`", "'").replace("|", "/").replace("\n", " ")
    return f"`{text}`"


def _table(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines: list[tuple[object, ...]] = [columns, ("---",) * len(columns), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines) + "\n"
