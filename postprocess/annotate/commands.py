"""`culturepark samples annotate …`: people look at what a refinement did, and say what they think."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import JsonFlag, note, print_json, print_table, say
from culturepark.runtime.run_folder import QUICKSTART, Run, reading, writing

if TYPE_CHECKING:
    from culturepark.postprocess.annotate.agreement import Agreement
    from culturepark.postprocess.annotate.report import JudgeAgreement, Report

annotate_app = typer.Typer(help="People rate samples blind; the judge is held against them.", no_args_is_help=True)


@annotate_app.command("sheet")
def write_sheet(
    out: Annotated[Path, typer.Option("--out", help="Folder for one CSV a rater, and the instructions.")],
    raters: Annotated[str, typer.Option("--raters", help="Comma-separated names of at least two people.")],
    *,
    run: Run = QUICKSTART,
    n: Annotated[int, typer.Option("--n", min=1, help="Items in all, spread evenly over what there is.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the drawing.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite sheets in the folder.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write blind sheets for raters. The key to the items stays in the run."""
    from culturepark.postprocess.annotate.items import draw_items
    from culturepark.postprocess.annotate.sheet import check_raters, write_sheets
    from culturepark.postprocess.annotate.tables import judge_of, make_sheet, save_sheet
    from culturepark.postprocess.tables import load_opinions
    from culturepark.runtime.errors import CultureParkError
    from culturepark.simulation.talks import load_transcripts

    names = [name.strip() for name in raters.split(",") if name.strip()]
    check_raters(names)
    with writing(run) as store:
        opinions = load_opinions(store)
        if not opinions:
            raise CultureParkError(f"{run}: no opinions to rate; run `culturepark refine --run {run}` first")
        talks = {talk.id: talk for talk in load_transcripts(store)}
        judge = judge_of(store, opinions)
        items = draw_items(opinions, talks, n=n, seed=seed, judge=judge, raters=names)
        sheet = make_sheet(items, names, seed=seed)
        files = write_sheets(sheet, out, force=force)
        save_sheet(store, sheet)
    strata = len({item.stratum for item in items})
    if as_json:
        print_json(
            {
                "sheet": sheet.id,
                "items": len(items),
                "pairs": sum(item.kind == "pair" for item in items),
                "strata": strata,
                "files": [str(file) for file in files],
            }
        )
        return
    say(f"{len(items)} items of {strata} kinds for {', '.join(names)} -> {out}")
    if len(items) < n:
        note(f"the run has no more than {len(items)} to rate")
    say(f"once they are filled in: culturepark samples annotate import {out}/*.csv --run {run}")


@annotate_app.command("import")
def import_sheets(
    files: Annotated[list[Path], typer.Argument(help="Sheets that came back.")],
    *,
    run: Run = QUICKSTART,
    replace: Annotated[bool, typer.Option("--replace", help="Take a rater's new sheet for the one before.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Read filled-in sheets into the run, all or none."""
    from culturepark.postprocess.annotate.sheet import read_returned
    from culturepark.postprocess.annotate.tables import load_returned, load_sheets, save_returned
    from culturepark.runtime.errors import CultureParkError

    with writing(run) as store:
        sheets = load_sheets(store)
        if not sheets:
            raise CultureParkError(
                f"{run}: no sheet was given out here; `culturepark samples annotate sheet` writes one"
            )
        there = {(one.sheet, one.rater): "the run" for one in load_returned(store) if not replace}
        returned = []
        for file in files:
            one = read_returned(file, sheets)
            before = there.setdefault((one.sheet, one.rater), str(file))
            if before != str(file):
                mend = "; --replace takes the new one" if before == "the run" else "; import one of them"
                raise CultureParkError(f"{file}: {one.rater}'s ratings are in {before} already{mend}")
            returned.append(one)
        save_returned(store, returned)
    if as_json:
        print_json([{"sheet": one.sheet, "rater": one.rater, "ratings": len(one.ratings)} for one in returned])
        return
    print_table(("sheet", "rater", "ratings"), [(one.sheet, one.rater, len(one.ratings)) for one in returned])


@annotate_app.command("report")
def report_ratings(*, run: Run = QUICKSTART, as_json: JsonFlag = False) -> None:
    """Say how far people agree, how far the judge agrees with them, and who they are."""
    from culturepark.postprocess.annotate.report import report
    from culturepark.postprocess.tables import load_opinions

    with reading(run) as store:
        found = report(store, load_opinions(store))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    _print(found)


def _print(found: "Report") -> None:
    say(f"{found.ratings} ratings of {len(found.raters)} raters on {found.sheets} sheet(s)")
    if found.awaited:
        say(f"not back yet: {', '.join(found.awaited)}")
    if found.ratings:
        rows = [(one.name, one.measurement, one.alpha.items, *_value(one.alpha)) for one in found.measures]
        print_table(("raters agree on", "measured as", "items", "Krippendorff's alpha", "95 % interval"), rows)
        for judge in found.judges:
            _print_judge(judge)
        pairs = [("merged" if one.merged else "not merged", one.pairs, one.same, one.undecided) for one in found.pairs]
        print_table(("pairs", "rated", "called the same", "undecided"), pairs)
        ties = [
            (one.culture, one.tie, one.raters, one.ratings, one.authenticity, one.stereotypes) for one in found.ties
        ]
        print_table(("culture", "tie to it", "raters", "ratings", "mean authenticity", "stereotypes"), ties)
    say(f"judge {found.judge}: {found.standing}" if found.judge else "nothing here was judged")


def _print_judge(judge: "JudgeAgreement") -> None:
    rows = [
        ("verdicts that people share", judge.items, *_value(judge.agreement)),
        ("  weighted to the run", judge.items, *_value(judge.agreement_in_run)),
        ("Cohen's kappa", judge.items, *_value(judge.kappa)),
        ("left out: no majority", judge.undecided, None, None),
    ]
    print_table((f"judge {judge.judge}", "items", "value", "95 % interval"), rows)
    cells = [(said, *people.values()) for said, people in judge.confusion.items()]
    print_table(("judge \\ people", *judge.confusion), cells)


def _value(found: "Agreement") -> tuple[str | None, str | None]:
    value = None if found.value is None else f"{found.value:.2f}"
    interval = None if found.interval is None else f"{found.interval.low:.2f} to {found.interval.high:.2f}"
    return value, interval
