"""Samples as files: chat rows for fine-tuning, and a table with every step of the way."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from culturepark.postprocess.sample import Sample
from culturepark.runtime.errors import CultureParkError, unknown


def export_samples(samples: Sequence[Sample], path: Path, *, form: str) -> None:
    """Write samples to a file as `openai` (chat JSONL) or `parquet`.

    Raises:
        CultureParkError: For an unknown form, no samples, or a file that cannot be written.
    """
    if form not in FORMS:
        raise unknown("export format", form, FORMS)
    if not samples:
        raise CultureParkError("there are no samples to export; run `culturepark refine` first, or widen the selection")
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        FORMS[form](samples, partial)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CultureParkError(f"{path}: cannot be written ({error.strerror}); choose another --out") from None


def _openai(samples: Sequence[Sample], path: Path) -> None:
    """One `{"messages": [...]}` a line: the format of hosted fine-tuning."""
    with path.open("w", encoding="utf-8") as file:
        for sample in samples:
            row = {"messages": [message.model_dump() for message in sample.messages]}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _parquet(samples: Sequence[Sample], path: Path) -> None:
    """One row a sample with its provenance; `synthetic` is always true."""
    import pyarrow as pa  # noqa: PLC0415  (slow to import, and only this format needs it)
    import pyarrow.parquet as pq  # noqa: PLC0415

    pq.write_table(pa.Table.from_pylist([sample_row(sample) for sample in samples]), path)


def sample_row(sample: Sample) -> dict[str, Any]:
    """A sample as one flat row."""
    stance = sample.stance
    return {
        "id": sample.id,
        "synthetic": True,
        "culture": sample.culture,
        "country": sample.country,
        "question": sample.question,
        "language": sample.language,
        "text": sample.text,
        "talk": sample.talk,
        "turn": sample.turn,
        "quote": sample.quote,
        "mass": sample.mass,
        "opinions": list(sample.opinions),
        "stance_code": stance.code if stance else None,
        "stance_words": stance.words if stance else None,
        "stance_side": stance.side if stance else None,
        "stance_country": stance.country if stance else None,
        "survey_share": stance.share if stance else None,
        "survey_n": stance.n if stance else None,
        "survey_weighted": stance.weighted if stance else None,
        "messages": [message.model_dump() for message in sample.messages],
    }


FORMS: Final[Mapping[str, Callable[[Sequence[Sample], Path], None]]] = {"openai": _openai, "parquet": _parquet}
