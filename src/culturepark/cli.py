"""The command line: each stage's own commands, and the main job on top."""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from culturepark.benchmarks.bench_commands import bench, report
from culturepark.benchmarks.commands import compare
from culturepark.benchmarks.education.commands import education_app
from culturepark.benchmarks.experiments.commands import experiments_app
from culturepark.personas.commands import personas_app, surveys_app
from culturepark.postprocess.commands import samples_app
from culturepark.protocols.commands import protocols_app
from culturepark.runtime.commands import doctor, models_app
from culturepark.runtime.console import JsonFlag, note, print_json, print_table, say
from culturepark.runtime.run_folder import reading, stoppable
from culturepark.simulation.commands import transcripts_app
from culturepark.studio.commands import studio
from culturepark.training import models_commands as _models_commands  # noqa: F401  (adds to models_app)
from culturepark.training.commands import train

if TYPE_CHECKING:
    from culturepark.pipeline import Result, Stage
    from culturepark.runtime.engines import Chosen
    from culturepark.study import Study

app = typer.Typer(
    name="culturepark",
    help="Let language-model agents of different cultures talk, and distil what they say into training samples.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(protocols_app, name="protocols")
app.add_typer(personas_app, name="personas")
app.add_typer(surveys_app, name="surveys")
app.add_typer(transcripts_app, name="transcripts")
app.add_typer(samples_app, name="samples")
app.add_typer(models_app, name="models")
app.add_typer(education_app, name="education")
app.add_typer(experiments_app, name="experiments")
app.command()(bench)
app.command()(compare)
app.command()(doctor)
app.command()(report)
app.command()(studio)
app.command()(train)

StudyFile = Annotated[Path | None, typer.Argument(help="YAML; without it, the shipped quickstart study.")]
Run = Annotated[Path | None, typer.Option("--run", help="Run folder; runs/<study name> by default.")]
Store = Annotated[str | None, typer.Option(help="Database URL instead of the folder's run.db (PostgreSQL).")]
Engine = Annotated[str | None, typer.Option(help="local, or ray: talks, refinement and embedding on Ray workers.")]
Address = Annotated[str | None, typer.Option(help="Of a running Ray cluster; without it, one on this machine.")]
Model = Annotated[str | None, typer.Option(help="builtin[:NAME[+ADAPTER]], openai:NAME or gguf:PATH.")]
BaseUrl = Annotated[
    str | None, typer.Option(help="Address of an OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1.")
]
Seed = Annotated[int | None, typer.Option(help="Of everything random.")]
Concurrency = Annotated[int | None, typer.Option(help="Talks in flight.")]
Money = Annotated[float | None, typer.Option("--budget", help="US dollars that are never exceeded.")]
People = Annotated[list[Path] | None, typer.Option("--personas", help="Folder of your own culture files; repeatable.")]
Cultures = Annotated[str | None, typer.Option("--culture", help="Comma-separated ids, e.g. arabic,korean.")]
Questions = Annotated[str | None, typer.Option("--question", help="Comma-separated ids, e.g. wvs7:Q27,wvs7:Q28.")]
Source = Annotated[str | None, typer.Option(help="A shipped survey, or the folder of an imported one.")]
Protocol = Annotated[str | None, typer.Option(help="A name from `protocols list`, ./script.yaml or ./file.py:Class.")]
ProtocolArgs = Annotated[list[str] | None, typer.Option("--protocol-arg", help="key=value; may be repeated.")]
Cast = Annotated[str | None, typer.Option(help="cross, in-culture or panel.")]
Stance = Annotated[str | None, typer.Option(help="sampled, iid, mode, median, respondent, none or other:COUNTRY.")]
Respondents = Annotated[
    str | None, typer.Option(help="Your WVS wave 7 CSV, for --stance respondent; only the answers held are copied.")
]
GroundBy = Annotated[
    str | None, typer.Option(help="Draw stances from people alike: comma-separated sex, age, education.")
]
Pair = Annotated[str | None, typer.Option(help="natural, conflict or agree.")]
TalkLanguage = Annotated[
    str | None,
    typer.Option(help="en, native (all speak the delegate's language) or mixed (everybody speaks their own)."),
]
Limit = Annotated[int | None, typer.Option(help="Talks in all.")]
Judge = Annotated[
    str | None,
    typer.Option(
        "--judge-model",
        help="Who reads and verifies, as --model, or nli:FOLDER_OR_HUB_ID; the talking model by default.",
    ),
]
SecondJudge = Annotated[
    str | None, typer.Option(help="Another model that judges the same texts; the first one decides.")
]
Extract = Annotated[str | None, typer.Option(help="Whose utterances are read: delegates, or all.")]
Rewrite = Annotated[bool | None, typer.Option(help="Reword contradictions once, and judge what comes of it.")]
Voice = Annotated[bool | None, typer.Option(help="Put views of the speaker's own into the first person.")]
MinCorroboration = Annotated[
    int | None, typer.Option(help="Independent talks that must voice a novel opinion for entail+novel to keep it.")
]
Embedder = Annotated[str | None, typer.Option(help="all-minilm-l6-v2, multilingual-e5-small, a hub id or a folder.")]
Target = Annotated[
    int | None,
    typer.Option(
        "--target-samples", min=1, help="Hold talks until there are so many distinct samples, or nothing new is said."
    ),
]
Keep = Annotated[str | None, typer.Option(help="entail, or entail+novel.")]
Dedupe = Annotated[str | None, typer.Option(help="threshold, or kmeans (the paper's).")]
MinCosine = Annotated[float | None, typer.Option(help="With threshold: similarity from which two opinions are one.")]
Clusters = Annotated[int | None, typer.Option(help="With kmeans: opinions kept for each question and culture.")]
KeepOne = Annotated[str | None, typer.Option(help="With kmeans: medoid or longest stands for a cluster.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"culturepark {version('culturepark')}")
        raise typer.Exit


@app.callback()
def culturepark(
    _version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_show_version)] = False,
) -> None:
    """Let language-model agents of different cultures talk, and distil what they say into training samples."""


@app.command("run")
def run_command(
    study_file: StudyFile = None,
    *,
    run: Run = None,
    store: Store = None,
    engine: Engine = None,
    address: Address = None,
    model: Model = None,
    base_url: BaseUrl = None,
    seed: Seed = None,
    concurrency: Concurrency = None,
    budget: Money = None,
    personas: People = None,
    culture: Cultures = None,
    source: Source = None,
    question: Questions = None,
    protocol: Protocol = None,
    protocol_arg: ProtocolArgs = None,
    cast: Cast = None,
    stance: Stance = None,
    respondents: Respondents = None,
    ground_by: GroundBy = None,
    pair: Pair = None,
    talk_language: TalkLanguage = None,
    limit: Limit = None,
    target_samples: Target = None,
    judge_model: Judge = None,
    second_judge: SecondJudge = None,
    embedder: Embedder = None,
    extract: Extract = None,
    keep: Keep = None,
    min_corroboration: MinCorroboration = None,
    rewrite: Rewrite = None,
    voice: Voice = None,
    dedupe: Dedupe = None,
    min_cosine: MinCosine = None,
    clusters: Clusters = None,
    keep_one: KeepOne = None,
    as_json: JsonFlag = False,
) -> None:
    """Do the whole job: hold the talks, then distil them into samples. Run it again to go on where it stopped."""
    study = _study(study_file, **_settings(locals()))
    _do(study, run, store, ("simulate", "refine"), engine=_engine(engine, address), as_json=as_json)


@app.command()
def simulate(
    study_file: StudyFile = None,
    *,
    run: Run = None,
    store: Store = None,
    engine: Engine = None,
    address: Address = None,
    model: Model = None,
    base_url: BaseUrl = None,
    seed: Seed = None,
    concurrency: Concurrency = None,
    budget: Money = None,
    personas: People = None,
    culture: Cultures = None,
    source: Source = None,
    question: Questions = None,
    protocol: Protocol = None,
    protocol_arg: ProtocolArgs = None,
    cast: Cast = None,
    stance: Stance = None,
    respondents: Respondents = None,
    ground_by: GroundBy = None,
    pair: Pair = None,
    talk_language: TalkLanguage = None,
    limit: Limit = None,
    as_json: JsonFlag = False,
) -> None:
    """Hold the study's talks and store what was said, with the settings that produced it."""
    study = _study(study_file, **_settings(locals()))
    _do(study, run, store, ("simulate",), engine=_engine(engine, address), as_json=as_json)


@app.command()
def refine(
    run: Annotated[Path, typer.Option("--run", help="Run folder of the talks.")] = Path("runs/quickstart"),
    *,
    store: Store = None,
    engine: Engine = None,
    address: Address = None,
    model: Model = None,
    base_url: BaseUrl = None,
    concurrency: Concurrency = None,
    budget: Money = None,
    judge_model: Judge = None,
    second_judge: SecondJudge = None,
    embedder: Embedder = None,
    extract: Extract = None,
    keep: Keep = None,
    min_corroboration: MinCorroboration = None,
    rewrite: Rewrite = None,
    voice: Voice = None,
    dedupe: Dedupe = None,
    min_cosine: MinCosine = None,
    clusters: Clusters = None,
    keep_one: KeepOne = None,
    every_talk: Annotated[bool, typer.Option("--all", help="Also forks, imported talks and earlier studies'.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Distil a run's talks again: extract opinions, verify them against the stance, merge what says the same."""
    from culturepark.runtime.store import DATABASE
    from culturepark.simulation.saved import SAVED

    settings = _settings(locals())
    # A folder of imported talks has no study yet; then the quickstart's settings are where the options begin.
    fresh = (run / DATABASE).exists() and not (run / SAVED).exists()
    study = _study(None if fresh else run / SAVED, **settings)
    chosen = _engine(engine, address)
    _do(study, run, store, ("refine",), engine=chosen, as_json=as_json, every_talk=every_talk)


@app.command()
def estimate(
    study_file: StudyFile = None,
    *,
    model: Model = None,
    personas: People = None,
    culture: Cultures = None,
    source: Source = None,
    question: Questions = None,
    protocol: Protocol = None,
    protocol_arg: ProtocolArgs = None,
    cast: Cast = None,
    stance: Stance = None,
    respondents: Respondents = None,
    ground_by: GroundBy = None,
    talk_language: TalkLanguage = None,
    limit: Limit = None,
    target_samples: Target = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Expect samples as this run's talks gave them, and take its study.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what a study would take: requests, tokens, money, minutes, samples. Sends nothing."""
    settings = _settings(locals())
    import asyncio

    from culturepark.estimate import estimate as estimate_study
    from culturepark.estimate import run_yield
    from culturepark.simulation.saved import SAVED

    yields = None
    if run is not None:
        with reading(run) as store:
            yields = run_yield(store)
        if yields is None:
            note(f"{run}: too few refined talks to tell how samples grow with them")
    path = run / SAVED if study_file is None and run is not None else study_file
    found = asyncio.run(estimate_study(_study(path, **settings), yields=yields))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    rows = [
        ("talks", found.talks),
        ("left out (not asked in the country)", found.skipped),
        ("turns", found.turns),
        ("requests", found.requests),
        ("tokens in", found.tokens_in),
        ("tokens out", found.tokens_out),
        ("cost", "unknown price" if found.cost is None else f"${found.cost:.2f}"),
        ("minutes", "depends on the endpoint" if found.minutes is None else f"about {found.minutes:g} on two cores"),
        ("samples", f"{found.samples[0]} to {found.samples[1]}"),
    ]
    if found.target is not None:
        rows.append((f"talks for {found.target.samples} samples", found.target.words))
    print_table(("expected", "amount"), rows)
    note(f"samples: {found.basis}")
    for text in found.notes:
        note(f"stances: {text}")


NO_SETTINGS = {"study_file", "run", "store", "engine", "address", "every_talk", "as_json", "DATABASE", "SAVED"}


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """A command's options, without what is no setting of the study."""
    return {key: value for key, value in given.items() if key not in NO_SETTINGS}


def _study(path: Path | None, **options: Any) -> "Study":
    """Load a study with the options that were given on the command line in place of its own."""
    from culturepark.study import Study

    def listed(name: str) -> list[str] | None:
        text = options.get(name)
        return [part.strip() for part in text.split(",")] if text else None

    overrides = {
        "model": options.get("model"),
        "base_url": options.get("base_url"),
        "seed": options.get("seed"),
        "persona_folders": [str(folder) for folder in options.get("personas") or []] or None,
        "simulate": {
            "cultures": listed("culture"),
            "source": options.get("source"),
            "questions": listed("question"),
            "protocol": options.get("protocol"),
            "protocol_args": _arguments(options.get("protocol_arg"), fresh=options.get("protocol") is not None),
            "cast": options.get("cast"),
            "stance": options.get("stance"),
            "respondents": options.get("respondents"),
            "ground_by": listed("ground_by"),
            "pair": options.get("pair"),
            "talk_language": options.get("talk_language"),
            "talks": options.get("limit"),
            "concurrency": options.get("concurrency"),
        },
        "refine": {
            "judge": options.get("judge_model"),
            "second_judge": options.get("second_judge"),
            "embedder": options.get("embedder"),
            "extract": options.get("extract"),
            "keep": options.get("keep"),
            "novel": {"min_corroboration": options.get("min_corroboration")},
            "rewrite": options.get("rewrite"),
            "voice": options.get("voice"),
            "dedupe": {
                "method": options.get("dedupe"),
                "min_cosine": options.get("min_cosine"),
                "k": options.get("clusters"),
                "keep": options.get("keep_one"),
            },
        },
        "target": {"samples": options.get("target_samples")},
        "budget": {"money": options.get("budget")},
    }
    return Study.load(path, overrides)


def _arguments(pairs: list[str] | None, *, fresh: bool) -> dict[str, Any] | None:
    """Read `--protocol-arg`. Another protocol does not inherit the arguments of the study's."""
    from culturepark.protocols.arguments import parse_arguments

    found = parse_arguments(pairs or [])
    return found if found or fresh else None


def _engine(name: str | None, address: str | None) -> "Chosen":
    from culturepark.runtime.engines import choose_engine

    return choose_engine(name, address)


def _do(
    study: "Study",
    run: Path | None,
    store: str | None,
    stages: "tuple[Stage, ...]",
    *,
    engine: "Chosen",
    as_json: bool,
    every_talk: bool = False,
) -> None:
    from culturepark.pipeline import default_folder
    from culturepark.pipeline import run as run_study

    folder = run or default_folder(study)
    with stoppable(f"everything said so far is saved in {folder}; the same command goes on from there"):
        result = run_study(
            study, folder, stages=stages, store_url=store, engine=engine, show=True, every_talk=every_talk
        )
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        _report(result)
    if result.failed or result.unanswered:
        raise typer.Exit(code=1)


def _report(result: "Result") -> None:
    minutes = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in result.seconds.items())
    cost = f", ${result.cost:.4f}" if result.cost else ""
    say(
        f"{result.dialogues} talks, {result.turns} turns ({result.flagged} flagged) in {result.run}\n"
        f"{result.requests_sent} requests sent, {result.requests_cached} from the ledger; "
        f"{result.tokens_in} tokens in ({result.tokens_cached} of them cached), {result.tokens_out} out{cost}\n"
        f"{minutes}; peak memory {result.peak_memory / 1e9:.1f} GB"
    )
    if result.skipped:
        say(f"{result.skipped} question-country pairs left out: not asked there")
    for text in result.notes:
        say(f"stances: {text}")
    for text in result.removed:
        say(f"left out: {text}")
    for failure in result.failed:
        say(f"failed: {failure.talk}: {failure.reason}")
    for reason, count in result.unanswered.items():
        say(f"no reply: {count} x {reason}")
    if result.unanswered:
        say("the same command asks again for what got no reply")
    if result.funnel is not None:
        print_table(("funnel", "count"), result.funnel.rows())
        if result.judge is not None and result.judge.judge is not None:
            say(f"judge {result.judge.judge}: {result.judge.words}")
        if result.target is not None:
            say(f"target: {result.target.words}")
        say(
            f"read on: culturepark transcripts show --run {result.run}   culturepark samples explain --run {result.run}"
        )
