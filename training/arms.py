"""What each mode makes rows from: the run itself, people who speak alone, or reworded questions."""

from math import ceil
from pathlib import Path
from typing import NamedTuple

from culturepark import Study
from culturepark import run as run_study
from culturepark.runtime.budget import Budget
from culturepark.runtime.console import note
from culturepark.runtime.engines.local import run_to_end
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.ledger import Ledger, Tally, spent_before
from culturepark.runtime.models.embedders import Embedder
from culturepark.runtime.models.opening import open_model
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.progress import show_progress
from culturepark.runtime.store import Store, only_writer, open_store
from culturepark.training.augment import PURPOSE, Augmented, vary_questions
from culturepark.training.from_counts import Variants, seed_questions
from culturepark.training.from_samples import Asking
from culturepark.training.material import Material, load_material
from culturepark.training.tokens import Generation, generation

ALONE = "alone"
"""Folder of a run in which its people speak alone."""
MONOLOGUE = Path(__file__).parent / "monologue.yaml"


class Arm(NamedTuple):
    """What rows are made from, and what that took."""

    material: Material
    generation: Generation
    variants: Variants | None = None
    notes: tuple[str, ...] = ()


def prepare(study: Study, folder: Path, embedder: Embedder) -> Arm:
    """Get what the study's training mode needs, asking models where it must; what was asked is in the ledger.

    Raises:
        CultureParkError: When the run is missing, or has nothing to begin from.
        BudgetSpentError: When the budget ended the asking; what is done is saved.
        KeyboardInterrupt: On Ctrl-C; what is done is saved.
    """
    store = open_store(folder, create=False)
    try:
        material = _material(store, study)
        if study.train.mode == "augment":
            return _augmented(study, store, material, embedder)
        if study.train.mode == "distribution":
            return Arm(material, Generation())
        if study.train.mode != "direct":
            return Arm(material, generation(store))
    finally:
        store.close()
    return _alone(study, folder, material)


def _material(store: Store, study: Study) -> Material:
    return load_material(store, study.simulate, study.persona_folders)


def _alone(study: Study, folder: Path, material: Material) -> Arm:
    """Hold the study's talks again with only the delegates speaking, as often as in its talks, and refine them."""
    talks = [talk for talk in material.talks.values() if talk.parent is None and talk.question is not None]
    if not talks:
        raise CultureParkError(
            f"{folder}: this run has no complete talk, so nobody knows how much each person has to say alone; "
            "run `culturepark simulate` first"
        )
    delegates = {talk.id: {seat.id for seat in talk.seats if seat.role == "delegate"} for talk in talks}
    said = sum(turn.speaker in delegates[talk.id] for talk in talks for turn in talk.turns)
    times = max(1, ceil(said / sum(len(seats) for seats in delegates.values())))
    alone = study.model_copy(
        update={
            "simulate": study.simulate.model_copy(
                update={"protocol": str(MONOLOGUE), "protocol_args": {"times": times}, "talks": len(talks)}
            ),
            "vary": {},
            "target": type(study.target)(),
        }
    )
    note(f"each of {len(talks)} talks' delegates alone, {times} utterances each, in {folder / ALONE}")
    result = run_study(alone, folder / ALONE, show=True)
    store = open_store(folder / ALONE, create=False)
    try:
        failed = (f"{len(result.failed)} of {len(talks)} people did not finish speaking",) if result.failed else ()
        return Arm(_material(store, alone), generation(store), notes=failed)
    finally:
        store.close()


def _augmented(study: Study, store: Store, material: Material, embedder: Embedder) -> Arm:
    asking = Asking(material)
    cultures = study.train.cultures or material.delegates
    languages = sorted({material.language(material.cultures[name]) for name in cultures if name in material.cultures})
    questions = [asking.question(question, language) for question in seed_questions(material) for language in languages]

    async def ask() -> Augmented:
        tally = Tally()
        spec = parse_model(study.model)
        async with open_model(spec, base_url=study.base_url, timeout=study.limits.timeout) as model:
            budget = Budget(study.budget, spent=spent_before(store))
            ledger = Ledger(store, model.endpoint, budget=budget, limits=study.limits, tally=tally, tell=note)
            with show_progress(tally) as progress:
                return await vary_questions(
                    ledger, questions, embedder, each=study.train.variants, seed=study.seed,
                    concurrency=max(1, min(study.simulate.concurrency, model.concurrency)), progress=progress,
                )  # fmt: skip

    with only_writer(store.folder):
        found = run_to_end(ask())
    made = sum(len(texts) for texts in found.variants.values())
    wanted = study.train.variants * len(questions)
    refused = ", ".join(f"{count} {reason}" for reason, count in found.rejected.items()) or "none"
    notes = (f"{made} of {wanted} other wordings of {len(questions)} questions; replies not taken: {refused}",)
    return Arm(material, generation(store, only=PURPOSE), found.variants, notes)
