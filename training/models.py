"""A model for each training set: an adapter trained here, or a job at a hosted service."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from culturepark import Study
from culturepark.postprocess.columns import row_facts
from culturepark.runtime.console import note
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.ledger import Tally
from culturepark.runtime.models.adapters import ADAPTERS
from culturepark.runtime.models.fine_tuning import FineTuning
from culturepark.runtime.models.opening import check_address
from culturepark.runtime.models.spec import ModelSpec
from culturepark.runtime.models.weights import weights_table
from culturepark.runtime.progress import show_progress
from culturepark.runtime.record import Record
from culturepark.runtime.store import open_store
from culturepark.training.curves import read_curves
from culturepark.training.dataset import Dataset, TrainingSet
from culturepark.training.hosted import JOB, HostedJob, cancel, estimate_cost, job_inputs, load_job, set_aside, tune
from culturepark.training.hosted_settings import HostedSettings
from culturepark.training.job import Job, write_job
from culturepark.training.model_card import Provenance
from culturepark.training.row import Row
from culturepark.training.saved import TRAINING, set_folder
from culturepark.training.settings import TrainSettings
from culturepark.training.tables import save_curve
from culturepark.training.tokens import ESTIMATED, RowLengths

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class TrainedModel(Record):
    """What became of one model."""

    name: str
    """Of the training set, with the seed where there are several."""
    status: str
    """`succeeded`, `failed`, `cancelled`, or as the service says it."""
    model: str | None
    """As after `--model`."""
    detail: str | None
    """Why it failed, or what was trained."""


def train_all(study: Study, run: Path, dataset: Dataset, *, yes: bool, again: bool) -> list[TrainedModel]:
    """Train a model for each set and seed; what is trained already is not trained again.

    Args:
        study: With the settings.
        run: Run folder.
        dataset: Its rows.
        yes: Whether hosted jobs may be created at the cost that is told.
        again: Whether a hosted job that failed or was cancelled is created anew.

    Raises:
        CultureParkError: When something is missing, or the cost was not agreed to; nothing was sent then.
    """
    if study.train.method == "openai":
        return _hosted(study, run, dataset, yes=yes, again=again)
    return _local(study, run, dataset)


def write_jobs(study: Study, run: Path, dataset: Dataset) -> list[TrainedModel]:
    """Write each training down in its adapter's folder, for `torchrun` or `accelerate launch`; nothing is trained.

    Raises:
        CultureParkError: For a hosted method, or a folder that cannot be written.
    """
    settings = study.train
    if settings.method == "openai":
        raise CultureParkError(
            "--jobs writes trainings for this machine, and --method openai trains elsewhere; drop one"
        )
    written: list[TrainedModel] = []
    for one in dataset.sets:
        provenance = _provenance(study, dataset, one)
        for seed in settings.seeds:
            folder = run / ADAPTERS / _adapter_name(settings, one, seed)
            write_job(folder, Job(settings=settings.lora, seed=seed, provenance=provenance), one.rows, one.validation)
            detail = f"torchrun --nproc-per-node 2 -m culturepark.training.job {shlex.quote(str(folder))}"
            written.append(TrainedModel(name=folder.name, status="written", model=None, detail=detail))
    return written


def row_lengths(settings: TrainSettings) -> RowLengths:
    """Count a row's tokens as the model that is trained reads them; estimate where a service keeps its tokenizer.

    The base is fetched when the first row is counted, and a `CultureParkError` says then if it cannot be trained here.
    """
    if settings.method == "openai":
        return ESTIMATED
    counted: dict[str, int] = {}

    @cache
    def tokenizer() -> "PreTrainedTokenizerBase":
        from culturepark.training.encoding import load_tokenizer  # noqa: PLC0415  (needs the extra `train`)
        from culturepark.training.weights import find_base  # noqa: PLC0415

        base = find_base(settings.lora.base)
        return load_tokenizer(str(base.folder), name=base.name)

    def of(row: Row) -> int:
        from culturepark.training.encoding import count_tokens  # noqa: PLC0415

        if row.id not in counted:
            (counted[row.id],) = count_tokens([row], tokenizer())
        return counted[row.id]

    return RowLengths(of, exact=True)


def costs(settings: TrainSettings, dataset: Dataset) -> dict[str, dict[str, float | int | None]]:
    """What a hosted job on each set would cost."""
    found = {one.name: estimate_cost(one.rows, settings.hosted) for one in dataset.sets}
    return {name: cost.model_dump(mode="json") for name, cost in found.items()}


def cancel_jobs(study: Study, run: Path) -> list[TrainedModel]:
    """Cancel the hosted jobs of the study's mode and cultures that are under way.

    Raises:
        CultureParkError: When none is.
    """
    found = sorted(path.parent for path in (run / TRAINING).glob(f"*-{study.train.mode}*/{JOB}"))
    wanted = {f"{name}-{study.train.mode}" for name in study.train.cultures}
    chosen = [folder for folder in found if not wanted or folder.name.partition(".")[0] in wanted]
    going = [folder for folder in chosen if _is_going(load_job(folder))]
    if not going:
        raise CultureParkError(f"{run}: no hosted job of mode {study.train.mode!r} is under way here")
    with _service(study.train.hosted) as service:
        return [_model(folder.name, cancel(service, folder)) for folder in going]


def _local(study: Study, run: Path, dataset: Dataset) -> list[TrainedModel]:
    from culturepark.training.local import train_adapter  # noqa: PLC0415  (needs the extra `train`)

    settings = study.train
    trained: list[TrainedModel] = []
    for one in dataset.sets:
        provenance = _provenance(study, dataset, one)
        for seed in settings.seeds:
            folder = run / ADAPTERS / _adapter_name(settings, one, seed)
            with show_progress(Tally()) as progress:
                found = train_adapter(
                    one.rows, one.validation, settings.lora, folder,
                    seed=seed, provenance=provenance, progress=progress,
                )  # fmt: skip
            with closing(open_store(run, create=False)) as store:
                save_curve(store, folder.name, read_curves(folder))
            loss = found.adapter.validation_loss
            detail = f"{found.adapter.steps} steps, in {folder}" + (
                "" if loss is None else f", validation loss {loss:.3f}"
            )
            base = found.adapter.base
            # Only built-in bases are served here; another server loads the folder with its own base.
            model = f"builtin:{base}+{folder}" if base in weights_table() else None
            trained.append(TrainedModel(name=folder.name, status="succeeded", model=model, detail=detail))
    return trained


def _adapter_name(settings: TrainSettings, one: TrainingSet, seed: int) -> str:
    mode = [] if settings.mode == "culturepark" else [settings.mode]
    return "-".join([one.name, *mode, *([f"seed{seed}"] if len(settings.seeds) > 1 else [])])


def _provenance(study: Study, dataset: Dataset, one: TrainingSet) -> Provenance:
    """What an adapter's card tells of its rows."""
    questions = sorted({row.question for row in one.rows})
    facts = row_facts(questions, study.simulate.source)
    return Provenance(
        run=study.name,
        mode=study.train.mode,
        funnel=tuple((f"{kind}: {step.strip()}", count) for kind, step, count in dataset.report.funnel_rows()),
        licences={question: facts[question].licence for question in questions},
    )


def _hosted(study: Study, run: Path, dataset: Dataset, *, yes: bool, again: bool) -> list[TrainedModel]:
    settings = study.train.hosted
    if not settings.base.startswith("openai:"):
        raise CultureParkError(
            f"hosted base {settings.base!r}: a service tunes its own models; write for instance "
            "--base openai:gpt-4o-mini-2024-07-18"
        )
    parts = [(one, seed, _folder(study.train, run, one, seed)) for one in dataset.sets for seed in study.train.seeds]
    for one, seed, folder in parts:
        _forget_ended(folder, job_inputs(one.rows, one.validation, settings, seed=seed), again=again)
    new = [one for one, seed, folder in parts if not _is_paid(one, seed, folder, settings)]
    if new:
        _agree(new, settings, yes=yes, most=study.budget.money)
    trained: list[TrainedModel] = []
    with _service(settings) as service:
        for one, seed, folder in parts:
            job = tune(service, one.rows, one.validation, settings, folder, name=one.name, seed=seed)
            trained.append(_model(folder.name, job))
    return trained


def _folder(settings: TrainSettings, run: Path, one: TrainingSet, seed: int) -> Path:
    folder = set_folder(run, one.name, settings.mode)
    if len(settings.seeds) > 1:
        folder = folder.with_name(f"{folder.name}.seed{seed}")
        folder.mkdir(exist_ok=True)
    return folder


def _forget_ended(folder: Path, inputs: str, *, again: bool) -> None:
    """With `again`, let a job that came to nothing be created anew."""
    job = load_job(folder)
    if again and job is not None and job.inputs == inputs and job.status in {"failed", "cancelled"}:
        set_aside(folder, job)


def _is_paid(one: TrainingSet, seed: int, folder: Path, settings: HostedSettings) -> bool:
    job = load_job(folder)
    inputs = job_inputs(one.rows, one.validation, settings, seed=seed)
    return job is not None and job.inputs == inputs and job.job is not None


def _is_going(job: HostedJob | None) -> bool:
    return job is not None and job.job is not None and job.status not in {"succeeded", "failed", "cancelled"}


def _agree(new: Sequence[TrainingSet], settings: HostedSettings, *, yes: bool, most: float | None) -> None:
    """Tell the cost of new jobs, and go on only where it was agreed to.

    Raises:
        CultureParkError: When it was not, or is over the budget.
    """
    found = [estimate_cost(one.rows, settings) for one in new]
    for one, cost in zip(new, found, strict=True):
        note(f"{one.name}: {settings.epochs} epochs on {settings.base}: {cost.words}")
    known = [cost.money for cost in found if cost.money is not None]
    whole = sum(known) if len(known) == len(found) else None
    if most is not None and whole is not None and whole > most:
        raise CultureParkError(
            f"the jobs would cost about ${whole:.2f}, and budget.money is ${most:g}; raise it, or lower --tokens"
        )
    if not yes:
        price = "their price is not known" if whole is None else f"they cost about ${whole:.2f}"
        raise CultureParkError(f"{len(new)} hosted job(s) would be created and {price}; add --yes to go on")


@contextmanager
def _service(settings: HostedSettings) -> Iterator[FineTuning]:
    check_address(ModelSpec(kind="openai", name=settings.base.removeprefix("openai:")), settings.base_url)
    service = FineTuning(settings.base_url)
    try:
        yield service
    finally:
        service.close()


def _model(name: str, job: HostedJob) -> TrainedModel:
    trained = None if job.trained_tokens is None else f"{job.trained_tokens} tokens trained"
    return TrainedModel(name=name, status=job.status, model=job.model, detail=job.reason or trained)
