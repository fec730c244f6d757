"""`culturepark samples audit` and `culturepark samples map`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.postprocess.options import Culture, Question, named, named_questions
from culturepark.runtime.console import JsonFlag, print_json, print_table, say
from culturepark.runtime.run_folder import QUICKSTART, Run, reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from culturepark.postprocess.audit import Audit, Change
    from culturepark.postprocess.stance_mix import Fate


def audit_samples(
    *,
    run: Run = QUICKSTART,
    page: Annotated[Path | None, typer.Option("--html", help="Also write it all as one page.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what each removed opinion was merged into, how stances moved, and whether some views are lost more."""
    from culturepark.personas.surveys.survey import load_survey
    from culturepark.postprocess.audit import audit
    from culturepark.postprocess.audit_page import audit_page
    from culturepark.postprocess.tables import load_opinions
    from culturepark.runtime.errors import CultureParkError
    from culturepark.runtime.record import read_yaml
    from culturepark.simulation.talks import load_transcripts

    with reading(run) as store:
        study = read_yaml(run / "study.yaml")
        talks = [talk for talk in load_transcripts(store, status="complete") if talk.question is not None]
        opinions = load_opinions(store)
    if not opinions:
        raise CultureParkError(f"{run}: no opinions yet; run `culturepark refine --run {run}` first")
    survey = load_survey(study["simulate"]["source"])
    found = audit(str(run), survey, talks, opinions, everyone=study["refine"]["extract"] == "all")
    if page is not None:
        try:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(audit_page(found), encoding="utf-8")
        except OSError as error:
            raise CultureParkError(f"{page}: cannot be written ({error.strerror}); choose another --html") from None
    if as_json:
        flagged = [removal.opinion for removal in found.flagged]
        print_json({**found.model_dump(mode="json"), "reasons": found.reasons, "flagged": flagged})
        return
    _print_removals(found)
    _print_mixes(found)
    _print_fates(found)
    if page is not None:
        say(f"the whole audit -> {page}")


def map_opinions(
    out: Annotated[Path, typer.Option("--out", help="File to write: .png for a picture, .html for a page.")],
    *,
    run: Run = QUICKSTART,
    culture: Culture = None,
    question: Question = None,
    seed: Annotated[int, typer.Option(help="Of the layout.")] = 0,
) -> None:
    """Draw the verified opinions: near ones mean nearly the same, removed ones hang on the one that stands for them."""
    from culturepark.postprocess.embeddings import load_embeddings
    from culturepark.postprocess.opinion_map import draw, make_map
    from culturepark.postprocess.tables import load_opinions
    from culturepark.runtime.errors import CultureParkError
    from culturepark.runtime.models.embedders import SentenceEmbedder
    from culturepark.runtime.record import read_yaml

    with reading(run) as store:
        study = read_yaml(run / "study.yaml")
        cultures, questions = named(culture), named_questions(question, run)
        opinions = [
            opinion
            for opinion in load_opinions(store)
            if opinion.dropped in {None, "merged"}
            and (not cultures or opinion.culture in cultures)
            and (not questions or opinion.question in questions)
        ]
        if not opinions:
            raise CultureParkError(
                f"{run}: no verified opinions to draw; run `culturepark refine`, or widen the selection"
            )
        identity = SentenceEmbedder(study["refine"]["embedder"]).identity
        vectors = load_embeddings(store, identity, [opinion.text for opinion in opinions])
    found = make_map(opinions, vectors, seed=seed)
    draw(found, out)
    say(f"{len(found.points)} opinions by {found.projection} -> {out}")


def _print_removals(found: "Audit") -> None:
    say(
        f"{found.opinions} opinions, {found.verified} verified, {found.samples} samples; {len(found.removals)} merged "
        f"({', '.join(f'{reason}: {count}' for reason, count in found.reasons.items()) or 'none'}), "
        f"{len(found.flagged)} of them differ in a word that matters"
    )
    if found.removals:
        rows = [
            (one.culture, one.question, one.text, one.kept_text, one.cosine, one.reason, _changes(one.changes))
            for one in found.removals
        ]
        _table("merged", ("culture", "question", "removed", "kept", "cosine", "reason", "differs in"), rows)
        nuances = [
            (one.culture, one.kept, " ".join(one.lost) or "-", " ".join(one.gained) or "-", _changes(one.changes))
            for one in found.removals
        ]
        _table("nuance", ("culture", "kept", "only in the removed", "only in the kept", "differs in"), nuances)


def _changes(changes: "tuple[Change, ...]") -> str:
    return "; ".join(f"{one.kind}: {', '.join(one.removed) or '-'} / {', '.join(one.kept) or '-'}" for one in changes)


def _print_mixes(found: "Audit") -> None:
    from culturepark.postprocess.stance_mix import ARROWS

    arrows = [f"{one} -> {other}" for one, other in ARROWS]
    rows = [
        (
            mix.culture,
            mix.country,
            mix.question or "all",
            *(int(mix.counts[stage]) for stage in ("talks", "verified", "distinct")),
            *(mix.moved[arrow] for arrow in arrows),
        )
        for mix in found.mixes
    ]
    _table(
        "stances: earth mover's distance at each arrow (0 no change, 1 from one end of the scale to the other)",
        ("culture", "country", "question", "seats", "verified", "samples", *arrows),
        rows,
    )


def _print_fates(found: "Audit") -> None:
    shown = [fate for fate in found.fates if fate.question is None or fate.uneven]
    rows = [
        (fate.culture or "all", fate.question or "all", fate.outcome, _rates(fate), "uneven" if fate.uneven else "")
        for fate in shown
    ]
    _table(
        "what became of opinions, by stance; single questions only where intervals do not overlap",
        ("culture", "question", "outcome", "stance: share (95 % interval)", "flag"),
        rows,
    )


def _table(title: str, columns: "Sequence[str]", rows: "Sequence[Sequence[object]]") -> None:
    say(f"\n{title}")
    print_table(columns, rows)


def _rates(fate: "Fate") -> str:
    return "; ".join(
        f"{one.stance}: {one.count}/{one.n} = {one.share:.2f} ({one.low:.2f}-{one.high:.2f})" for one in fate.rates
    )
