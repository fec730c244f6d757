"""`culturepark education …`: score classroom lessons, plan a study, print its protocol."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import JsonFlag, print_json, print_table, say
from culturepark.runtime.run_folder import QUICKSTART, Run, reading

if TYPE_CHECKING:
    from culturepark.benchmarks.education.power import Design, Size
    from culturepark.benchmarks.education.scoring import EducationResult, KindResult, Mean

education_app = typer.Typer(help="Classroom lessons with people: plan, print, score.", no_args_is_help=True)

Effect = Annotated[float, typer.Option(help="Difference of two arms in standard deviations of the second form.")]
Correlation = Annotated[float, typer.Option(help="Of first and second form within an arm.")]
Arms = Annotated[int, typer.Option(help="Arms; the first is compared with each other one.")]
Power = Annotated[float, typer.Option("--power", help="Chance to find the effect in one contrast.")]
Alpha = Annotated[float, typer.Option(help="Of all contrasts together, two-sided.")]
Attrition = Annotated[float, typer.Option(help="Fraction of lessons that will not be complete.")]
PerArm = Annotated[int | None, typer.Option("--n", min=1, help="Participants an arm: say the power instead.")]


@education_app.command("score")
def score_lessons(
    files: Annotated[list[Path], typer.Argument(help="Lessons as JSON lines or CSV; several files are one study.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Score guesses before and after the lesson against the survey's held-out answers, arm against arm."""
    from culturepark.benchmarks.education.lesson_files import read_lessons
    from culturepark.benchmarks.education.scoring import score

    found = score(read_lessons(files))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _show(found)


@education_app.command("power")
def power_of_study(
    effect: Effect,
    *,
    correlation: Correlation = 0.5,
    arms: Arms = 3,
    power: Power = 0.8,
    alpha: Alpha = 0.05,
    attrition: Attrition = 0.0,
    n: PerArm = None,
    as_json: JsonFlag = False,
) -> None:
    """Say how many participants a study needs, or what power a number of them gives."""
    design = _design(effect, correlation, arms, power, alpha, attrition)
    found = _size(design, n)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    print_table(
        ("effect", "correlation", "arms", "complete an arm", "enrol an arm", "enrol in all", "power"),
        [
            (
                effect, correlation, arms, found.complete_per_arm, found.enrol_per_arm, found.enrol,
                f"{found.power:.3f}",
            )
        ],
    )  # fmt: skip
    say(
        f"power of one of {design.contrasts} contrast(s) in the analysis of covariance, two-sided at "
        f"{alpha / design.contrasts:.3g}; effect in standard deviations of the second form"
    )


@education_app.command("protocol")
def print_protocol(
    out: Annotated[Path, typer.Option("--out", help="HTML file to write.")],
    *,
    culture: Annotated[str | None, typer.Option("--culture", help="Comma-separated: print their forms, too.")] = None,
    seed: Annotated[int, typer.Option(help="Of the lots and of the drawing of forms.")] = 0,
    effect: Effect = 0.5,
    correlation: Correlation = 0.5,
    arms: Arms = 3,
    power: Power = 0.8,
    alpha: Alpha = 0.05,
    attrition: Attrition = 0.1,
    n: PerArm = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a printable protocol: design, power, procedure, analysis, pre-registration, papers for participants."""
    from culturepark.benchmarks.education.protocol import protocol_page, write_protocol

    size = _size(_design(effect, correlation, arms, power, alpha, attrition), n)
    cultures = [name.strip() for name in (culture or "").split(",") if name.strip()]
    write_protocol(protocol_page(size, cultures=cultures, seed=seed), out)
    if as_json:
        print_json({"protocol": str(out), "cultures": cultures, "size": size.model_dump(mode="json")})
    else:
        say(f"protocol for {size.enrol} participants in {arms} arms -> {out}")


@education_app.command("setup")
def set_up_classroom(
    run: Annotated[Path, typer.Argument(help="Run folder that lessons are kept in.")],
    *,
    culture_model: Annotated[
        list[str], typer.Option("--culture-model", help="CULTURE=MODEL, model as after --model; may be repeated.")
    ],
    base_model: Annotated[str | None, typer.Option(help="The untuned model; the study's by default.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Address of the openai: models; the study's by default.")] = None,
    seed: Annotated[int, typer.Option(help="Of forms and lots.")] = 0,
    contact: Annotated[str, typer.Option(help="Whom participants can ask; shown with the consent.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Set up the studio's classroom in a run: which cultures may be picked, and which models talk."""
    from culturepark.benchmarks.education.classroom import load_classroom, set_up
    from culturepark.benchmarks.education.sessions import load_lessons
    from culturepark.runtime.errors import CultureParkError
    from culturepark.simulation.saved import load_saved

    cultures: dict[str, str] = {}
    for text in culture_model:
        name, _, model = text.partition("=")
        if not name or not model:
            raise CultureParkError(f"--culture-model {text!r}: write CULTURE=MODEL, e.g. turkish=openai:my-tuned-model")
        if name in cultures:
            raise CultureParkError(f"--culture-model: {name!r} stands there twice")
        cultures[name] = model
    saved = load_saved(run, model=base_model)
    with reading(run) as store:
        begun = bool(load_lessons(store))
    path = set_up(
        run,
        {
            "seed": seed,
            "cultures": cultures,
            "base_model": base_model or saved.model,
            "base_url": base_url or saved.base_url,
            "persona_folders": list(saved.persona_folders),
            "contact": contact,
        },
        begun=begun,
    )
    if as_json:
        found = load_classroom(run)
        assert found is not None
        print_json({"classroom": str(path), **found.model_dump(mode="json")})
    else:
        say(f"lessons about {', '.join(sorted(cultures))} -> {path}")
        say(f"open the classroom: culturepark studio {run}")


@education_app.command("export")
def export_lessons(
    out: Annotated[Path, typer.Option("--out", help="File to write: CSV if it is called so, else JSON lines.")],
    *,
    run: Run = QUICKSTART,
    as_json: JsonFlag = False,
) -> None:
    """Write the lessons held in a run, without names, times or chats. Withdrawn ones are gone."""
    from culturepark.benchmarks.education.lesson_files import write_lessons
    from culturepark.benchmarks.education.sessions import load_lessons
    from culturepark.runtime.errors import CultureParkError

    with reading(run) as store:
        lessons = load_lessons(store)
    if not lessons:
        raise CultureParkError(f"{run}: no lesson was held here; `culturepark studio {run}` has a classroom")
    write_lessons(lessons, out)
    finished = sum(lesson.status == "complete" for lesson in lessons)
    if as_json:
        print_json({"lessons": len(lessons), "complete": finished, "file": str(out)})
    else:
        say(f"{len(lessons)} lessons, {finished} of them complete -> {out}")


@education_app.command("withdraw")
def withdraw_lesson(
    code: Annotated[str, typer.Argument(help="The lesson's code, which the participant has.")],
    *,
    run: Run = QUICKSTART,
    as_json: JsonFlag = False,
) -> None:
    """Delete a lesson and its chat for good."""
    from culturepark.benchmarks.education.sessions import withdraw

    with reading(run) as store:
        withdraw(store, code)
    if as_json:
        print_json({"withdrawn": code})
    else:
        say(f"lesson {code} is deleted; in files exported before, add a row with its id and withdrawn = true")


def _design(effect: float, correlation: float, arms: int, power: float, alpha: float, attrition: float) -> "Design":
    from culturepark.benchmarks.education.power import Design
    from culturepark.runtime.record import build

    fields = {
        "effect": effect,
        "correlation": correlation,
        "arms": arms,
        "power": power,
        "alpha": alpha,
        "attrition": attrition,
    }
    return build(Design, fields, place="the study's design")


def _size(design: "Design", n: int | None) -> "Size":
    from culturepark.benchmarks.education.power import needed_size, size_at

    return needed_size(design) if n is None else size_at(design, n)


def _show(found: "EducationResult") -> None:
    say(
        f"{found.lessons} lessons ({found.unfinished} unfinished) about {', '.join(found.cultures)}; "
        f"consent version {', '.join(found.consents)}"
    )
    if found.withdrawn:
        say(f"{found.withdrawn} withdrawn: left out everywhere")
    for kind in found.kinds:
        _show_kind(kind)
    if found.open:
        say(f"{found.open} numbers were left open; they stay missing, and so does that form's error")
    if found.sheet:
        say("satisfaction, 1 (not at all) to 5 (very much)")
        print_table(
            ("item", "arm", "mean", "95 % interval", "n", "left open"),
            [
                (row.item, row.arm, _points(row.rating.value, 2), _interval(row.rating, 2), row.rating.n, row.open)
                for row in found.sheet
            ],
        )


def _show_kind(found: "KindResult") -> None:
    from culturepark.benchmarks.education.scoring import Mean

    def percent(mean: Mean) -> Mean:
        scaled = {
            name: None if (x := getattr(mean, name)) is None else 100 * x for name in ("value", "sd", "low", "high")
        }
        return mean.model_copy(update=scaled)

    say(f"{found.kind} error, percent points; below 0 a change is for the better")
    rows = []
    for arm in found.arms:
        before, after, change = (percent(one) for one in (arm.before, arm.after, arm.change))
        rows.append(
            (
                arm.arm, arm.lessons, arm.complete, _points(before.value), _points(after.value), _points(change.value),
                _interval(change), _points(change.sd),
            )
        )  # fmt: skip
    print_table(("arm", "lessons", "complete", "before", "after", "change", "95 % interval", "sd of change"), rows)
    if found.ancova is None:
        say(f"no analysis of covariance: {found.why_not}")
        return
    model = found.ancova
    slopes = "cannot be told from so few lessons" if model.p_slopes is None else f"p = {model.p_slopes:.3g}"
    say(
        f"ANCOVA of {model.n} complete lessons: F({model.df}, {model.df_error}) = {model.f:.2f}, p = {model.p:.3g}, "
        f"partial eta2 = {model.partial_eta2:.3f}, partial omega2 = {model.partial_omega2:.3f}; "
        f"equal slopes: {slopes}"
    )
    print_table(
        ("contrast", "difference", "95 % interval", "p", "p (Holm)", "Hedges' g", "95 % interval of g"),
        [
            (
                f"{row.arm} - {row.other}",
                _points(100 * row.difference),
                f"{100 * row.low:.1f} to {100 * row.high:.1f}",
                f"{row.p:.3g}",
                f"{row.p_holm:.3g}",
                _points(row.g, 2),
                None if row.g_low is None or row.g_high is None else f"{row.g_low:.2f} to {row.g_high:.2f}",
            )
            for row in model.contrasts
        ],
    )


def _points(value: float | None, digits: int = 1) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _interval(mean: "Mean", digits: int = 1) -> str | None:
    if mean.low is None or mean.high is None:
        return None
    return f"{mean.low:.{digits}f} to {mean.high:.{digits}f}"
