"""The card of an exported dataset: what the rows are, how they were made, what they must not be used for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from culturepark.personas.language import primary
from culturepark.postprocess.annotate.report import standing
from culturepark.postprocess.columns import COLUMNS, RowFacts
from culturepark.postprocess.sample import Sample
from culturepark.postprocess.tables import load_funnel, load_opinions
from culturepark.runtime.record import read_yaml
from culturepark.runtime.store import Store
from culturepark.simulation.talks import load_transcripts

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LARGEST = "1M<n<10M"


class AboutRun(NamedTuple):
    """What a card tells of the run, besides its rows."""

    name: str
    models: tuple[str, ...]
    protocols: tuple[str, ...]
    refine: Mapping[str, Any]
    """The settings of the study's refinement, as saved."""
    funnel: tuple[tuple[str, int | str], ...]
    judge: str
    """Who judged, and what is known of that judge."""


def about_run(store: Store, samples: Sequence[Sample]) -> AboutRun:
    """Collect what a card tells of the run that samples are from.

    Raises:
        CultureParkError: When the run's study cannot be read.
    """
    study = read_yaml(store.folder / "study.yaml")
    talks = load_transcripts(store, ids={sample.talk for sample in samples})
    known = standing(store, load_opinions(store))
    funnel = load_funnel(store)
    return AboutRun(
        name=str(study["name"]),
        models=tuple(sorted({talk.model for talk in talks})),
        protocols=tuple(sorted({talk.protocol.name for talk in talks})),
        refine=study["refine"],
        funnel=tuple(funnel.rows()) if funnel is not None else (),
        judge=f"Judge: `{known.judge}`; against people: {known.words}." if known.judge else "Nothing was judged.",
    )


def card_text(samples: Sequence[Sample], facts: Mapping[str, RowFacts], about: AboutRun, *, folder: str) -> str:
    """The `README.md` of a dataset folder: a YAML header for the hub, then the card in words. No date, no path."""
    title = f"CulturePark samples: {about.name}"
    header = {
        "pretty_name": title,
        "language": sorted({primary(sample.language) for sample in samples}),
        "license": "other",
        "license_name": "survey-and-model-terms",
        "license_link": "README.md#terms-of-the-data",
        "task_categories": ["text-generation"],
        "size_categories": [next((name for most, name in SIZES if len(samples) < most), LARGEST)],
        "tags": ["synthetic", "culture", "opinions", "culturepark"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*.parquet"}]}],
    }
    template = (files(__package__) / "notices" / "card.md").read_text(encoding="utf-8")
    words = template.format(
        title=title,
        rows=len(samples),
        cultures=_listed(sorted({f"{sample.culture} ({sample.country})" for sample in samples})),
        version=version("culturepark"),
        counts=_counts(samples, facts),
        making=_making(about),
        columns=_table(("column", "what"), [(f"`{column.name}`", column.what) for column in COLUMNS]),
        terms="\n".join(f"- {note}" for note in sorted({facts[sample.question].licence for sample in samples})),
        judge=about.judge,
    )
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---\n\n{words.replace('FOLDER', folder)}"


def _counts(samples: Sequence[Sample], facts: Mapping[str, RowFacts]) -> str:
    by_culture = Counter((sample.culture, sample.country, sample.language) for sample in samples)
    by_side = Counter(sample.stance.side if sample.stance is not None else "no stance" for sample in samples)
    by_tag = Counter(facts[sample.question].sensitivity for sample in samples)
    return "\n\n".join(
        [
            _table(
                ("culture", "country", "language", "rows"), [(*key, count) for key, count in sorted(by_culture.items())]
            ),
            _table(("side of the stance", "rows"), sorted(by_side.items())),
            _table(("sensitivity", "rows"), sorted(by_tag.items())),
        ]
    )


def _making(about: AboutRun) -> str:
    refine = about.refine
    facts = [
        f"- Talks by {_listed([f'`{model}`' for model in about.models])} under {_listed(about.protocols)}.",
        f"- {about.judge}",
        f"- Kept: {refine['keep']}; merged by {refine['dedupe']['method']} on `{refine['embedder']}`.",
    ]
    funnel = _table(("step", "count"), [(step.strip(), count) for step, count in about.funnel])
    return "\n".join(facts) + (
        f"\n\nThe whole run, of which these rows may be a selection:\n\n{funnel}" if about.funnel else ""
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    cells = [[str(cell).replace("|", r"\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *cells))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
