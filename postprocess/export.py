"""Samples as files and folders that appear whole or not at all, each row saying what it is and where it is from."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from culturepark.postprocess.columns import NO_SURVEY, RowFacts, sample_row
from culturepark.postprocess.formats import CARD, FORMATS, USE
from culturepark.postprocess.sample import Sample
from culturepark.runtime.errors import CultureParkError, unknown


def export_samples(
    samples: Sequence[Sample],
    out: Path,
    *,
    form: str,
    facts: Mapping[str, RowFacts] | None = None,
    card: str = "",
    force: bool = False,
) -> None:
    """Write samples in one of `FORMATS`. The same samples give the same bytes.

    Args:
        samples: What to write, in this order.
        out: A file, or the folder of a format that is one.
        form: Name of the format.
        facts: Sensitivity and licence note by question, see `row_facts`.
        card: Text of a folder's `README.md`, see `card_text`.
        force: Replace a folder that holds an earlier export.

    Raises:
        CultureParkError: For an unknown format, no samples, a folder that is in use, or a place that cannot be
            written.
    """
    if form not in FORMATS:
        raise unknown("export format", form, FORMATS)
    if not samples:
        raise CultureParkError("there are no samples to export; run `culturepark refine` first, or widen the selection")
    chosen = FORMATS[form]
    if chosen.folder:
        _check_folder(out, force=force)
    elif out.is_dir():
        raise CultureParkError(f"{out}: is a folder, and format {form!r} is one file; name a file")
    whole = out.resolve()
    rows = [sample_row(sample, (facts or {}).get(sample.question, NO_SURVEY)) for sample in samples]
    try:
        whole.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{whole.name}.", dir=whole.parent) as place:
            staged = Path(place) / "export"
            staged.mkdir()
            chosen.write(rows, staged, whole.name)
            if not chosen.folder:
                for file in sorted(staged.iterdir()):
                    file.replace(whole.parent / file.name)
                return
            (staged / CARD).write_text(card, encoding="utf-8")
            if whole.exists():
                whole.rename(Path(place) / "before")
            staged.rename(whole)
    except OSError as error:
        raise CultureParkError(f"{out}: cannot be written ({error.strerror}); choose another --out") from None


def _check_folder(out: Path, *, force: bool) -> None:
    """Keep what is in a folder, unless it is an earlier export that may be replaced."""
    if not out.exists():
        return
    if not out.is_dir():
        raise CultureParkError(f"{out}: is a file, and this format is a folder; name a folder")
    there = sorted(path.relative_to(out) for path in out.rglob("*") if not path.is_dir())
    foreign = [path for path in there if str(path) not in {CARD, USE} and not path.match("data/train-*.parquet")]
    if foreign:
        raise CultureParkError(f"{out}: holds other files ({foreign[0]}), which stay; choose another --out")
    if there and not force:
        raise CultureParkError(f"{out}: holds an earlier export; replace it with --force, or choose another --out")
