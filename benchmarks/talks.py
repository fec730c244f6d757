"""A run's talks as they are measured: complete, held by the study, each with the samples it accounts for."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from culturepark.benchmarks.talk_metrics import Held
from culturepark.postprocess.sample import Sample
from culturepark.postprocess.tables import load_funnel, load_opinions, load_samples
from culturepark.runtime.hashing import sha256
from culturepark.runtime.store import Store
from culturepark.simulation.talks import load_transcripts
from culturepark.simulation.transcript import IMPORTED, Transcript

SEED_PARTS = frozenset({"question", "replicate", "table", "stances"})
"""What makes two talks begin from the same place."""
PEOPLE_PARTS = frozenset({"people", "languages"})
LANGUAGE_PARTS = frozenset({"language", "languages", "wording", "templates"})
"""What changes with the language of a talk: the question's words and the prompts too."""


class RunTalks(NamedTuple):
    """What can be measured in a run, and what was left out."""

    held: tuple[Held, ...]
    forks: int
    """Forks and imported talks: nothing pairs them with the study's own."""
    unfinished: int
    """Planned or failed."""
    unrefined: str | None
    """Why no samples can be counted, or None."""


def load_talks(store: Store) -> RunTalks:
    """Read the talks of a run, with their samples where all of them were refined together."""
    everything = load_transcripts(store)
    own = [talk for talk in everything if talk.parent is None and talk.protocol.name != IMPORTED]
    complete = [talk for talk in own if talk.status == "complete"]
    funnel = load_funnel(store)
    unrefined = None
    if funnel is None:
        unrefined = "the run is not refined; `culturepark refine` counts its samples"
    elif funnel.talks != len(complete):
        unrefined = (
            f"the last refinement read {funnel.talks} talks and the run holds {len(complete)}; "
            "put them into one study with `vary:` and refine that"
        )
    credits_ = Counter[str]() if unrefined else _credits(store, complete)
    held = [Held(talk, None if unrefined else credits_[talk.id]) for talk in complete]
    return RunTalks(tuple(held), len(everything) - len(own), len(own) - len(complete), unrefined)


def shared_credit(
    samples: Sequence[Sample], talk_of: Mapping[str, str], setting_of: Mapping[str, str]
) -> dict[str, float]:
    """Samples each talk accounts for, by talk id.

    Opinions that say the same in two settings are merged into one sample. If it counted for one of them only, a
    protocol would lose what another also found. So a sample counts once in every setting that said it, in equal
    parts for the talks that did: a setting's sum is the number of distinct samples it would have had alone.

    Args:
        samples: Each with the ids of all opinions it stands for.
        talk_of: Opinion id to talk id.
        setting_of: Talk id to its setting.
    """
    credit: dict[str, float] = dict.fromkeys(setting_of, 0.0)
    for sample in samples:
        said_in = sorted({talk_of[opinion] for opinion in sample.opinions})
        sharing = Counter(setting_of[talk] for talk in said_in)
        for talk in said_in:
            credit[talk] += 1 / sharing[setting_of[talk]]
    return credit


def parts(talk: Transcript) -> dict[str, str]:
    """A talk's inputs by name, with its seats taken apart: two talks with the same parts are the same talk."""
    seats = talk.seats
    return {
        **{name: value for name, value in talk.inputs.items() if name not in {"seats", "question"}},
        "question": talk.seed.id,
        "wording": talk.inputs["question"],
        "table": " ".join(f"{seat.role}:{seat.culture.id}" for seat in seats),
        "stances": json.dumps([(seat.stance.country, seat.stance.code) if seat.stance else None for seat in seats]),
        "people": sha256([seat.persona for seat in seats]),
        "languages": " ".join(seat.language for seat in seats),
    }


def setting(talk: Transcript) -> str:
    """What a talk shares with those about other questions: protocol, model, sampling, varied factors."""
    known = parts(talk)
    return sha256(
        [{name: known[name] for name in sorted(known.keys() - SEED_PARTS - PEOPLE_PARTS - {"wording"})}, talk.factors]
    )


def _credits(store: Store, complete: Sequence[Transcript]) -> Counter[str]:
    talk_of = {opinion.id: opinion.talk for opinion in load_opinions(store)}
    return Counter(shared_credit(load_samples(store), talk_of, {talk.id: setting(talk) for talk in complete}))
