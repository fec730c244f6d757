"""`culturepark personas …` and `culturepark surveys …`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturepark.runtime.console import JsonFlag, note, print_json, print_table, say

if TYPE_CHECKING:
    from culturepark.personas.surveys.survey import Survey

personas_app = typer.Typer(help="Who speaks: cultures and their people.", no_args_is_help=True)
surveys_app = typer.Typer(help="Survey questions, and how countries answered them.", no_args_is_help=True)
Folders = Annotated[list[Path] | None, typer.Option("--personas", help="Folder of your own culture files.")]
Source = Annotated[str, typer.Option("--source", help="A shipped survey, or the folder of an imported one.")]


@personas_app.command("list")
def list_personas(*, personas: Folders = None, as_json: JsonFlag = False) -> None:
    """List everybody who can take a seat."""
    from culturepark.personas import load_roster

    roster = load_roster(personas or [])
    if as_json:
        print_json([{"id": key, **persona.model_dump()} for key, persona in roster.personas.items()])
        return
    rows = [
        (key, persona.name, persona.gender, persona.culture, roster.cultures[persona.culture].country_name)
        for key, persona in roster.personas.items()
    ]
    print_table(("persona", "name", "gender", "culture", "country"), rows)


@personas_app.command("show")
def show_persona(
    persona: Annotated[str, typer.Argument(help="Id from `personas list`.")],
    *,
    personas: Folders = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a persona and its culture."""
    from culturepark.personas import load_roster

    roster = load_roster(personas or [])
    found = roster.persona(persona)
    culture = roster.cultures[found.culture]
    if as_json:
        print_json({"id": persona, **found.model_dump(), "culture": culture.model_dump()})
        return
    say(f"{found.name} ({found.gender}), {persona}\n{found.background}\n{found.instructions}".rstrip())
    if found.traits:
        say("traits: " + ", ".join(f"{name} {value}" for name, value in found.traits.items()))
    if found.variant_of:
        say(f"variant of {found.variant_of}: " + ", ".join(f"{name} {value}" for name, value in found.varied.items()))
    say(
        f"speaks for: {culture.people}, language {culture.language}; views grounded in {culture.country_name} "
        f"({culture.country}); Hofstede's row: {culture.hofstede}"
    )


@personas_app.command("lint")
def lint_personas(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Folders of culture files; the shipped ones if none.")
    ] = None,
    *,
    source: Source = "wvs7",
    as_json: JsonFlag = False,
) -> None:
    """Check culture files: mistakes (exit 1) and likely slips, each with its line and the fix."""
    from culturepark.personas import load_survey
    from culturepark.personas.lint import lint

    found = lint(folders or [], load_survey(source))
    errors = sum(one.level == "error" for one in found)
    if as_json:
        print_json([one.model_dump() for one in found])
    else:
        for one in found:
            say(f"{one.file}:{one.line}: {one.level}: {one.what}; {one.fix}  [{one.rule}]")
        say(f"{errors} error(s), {len(found) - errors} warning(s)")
    if errors:
        raise typer.Exit(code=1)


@surveys_app.command("list")
def list_questions(
    *,
    source: Source = "wvs7",
    language: Annotated[str | None, typer.Option(help="Show the wording in a language, e.g. tr or pt-BR.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the questions of a survey, with the countries that were not asked."""
    from culturepark.personas import load_survey
    from culturepark.personas.language import ENGLISH, primary

    survey = load_survey(source)
    if language is not None and primary(language) != ENGLISH:
        _list_wordings(survey, language, as_json=as_json)
        return
    rows = [
        (
            question.id,
            question.split,
            question.battery.partition(":")[2],
            len(question.scale.codes),
            question.text["en"],
            " ".join(country for country in survey.countries if not survey.was_asked(question.id, country)) or None,
        )
        for question in survey.questions.values()
    ]
    columns = ("question", "split", "battery", "options", "text", "not asked in")
    if as_json:
        print_json([question.model_dump(mode="json") for question in survey.questions.values()])
        return
    print_table(columns, rows)


def _list_wordings(survey: "Survey", language: str, *, as_json: bool) -> None:
    """Each question in a language, with what a persona is told who gives its lowest and its highest answer."""
    found = {question: survey.wording(question, language) for question in survey.questions}
    if as_json:
        print_json([{"id": question, **wording.model_dump(mode="json")} for question, wording in found.items()])
        return
    rows = [
        (question, wording.topic, wording.text, wording.told[min(wording.told)], wording.told[max(wording.told)])
        for question, wording in found.items()
    ]
    print_table(("question", "topic", "text", "told with the lowest code", "told with the highest code"), rows)
    file = next(iter(found.values()))
    if not file.reviewed:
        note(f"languages/{file.language}.yaml is our own translation, not reviewed yet; it waits for {file.reviewer}")


@surveys_app.command("explore")
def explore(
    *,
    source: Source = "wvs7",
    limit: Annotated[int, typer.Option(help="Contested questions to show.")] = 10,
    as_json: JsonFlag = False,
) -> None:
    """Show how countries differ, without any model: contested questions, entropy, distances between countries."""
    from culturepark.personas import load_survey
    from culturepark.personas.surveys.explore import explore_survey

    found = explore_survey(load_survey(source))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    countries = found.countries
    say("Most contested questions (mean Jensen-Shannon distance, 0 to 1, between pairs of countries)")
    print_table(
        ("question", "spread", "topic", *(f"H {country}" for country in countries)),
        [
            (item.question, item.spread, item.topic, *(item.entropy.get(country) for country in countries))
            for item in found.questions[:limit]
        ],
    )
    say("\nH: entropy of a country's answers, in bits (0: everybody agrees)\n")
    say("Distance between countries (mean Jensen-Shannon distance over the questions both were asked)")
    print_table(
        ("country", *countries),
        [(one, *(found.distances[one][other] for other in countries)) for one in countries],
    )


@surveys_app.command("contrast")
def contrast_command(
    culture: Annotated[str, typer.Option(help="Two cultures, e.g. arabic,korean.")],
    *,
    source: Source = "wvs7",
    personas: Folders = None,
    limit: Annotated[int, typer.Option(min=1, help="Questions to show.")] = 10,
    as_json: JsonFlag = False,
) -> None:
    """Pick the seed questions that two cultures disagree on most; prints a `--question` list to paste."""
    from culturepark.personas import load_roster, load_survey
    from culturepark.personas.surveys.contrast import contrast
    from culturepark.runtime.errors import CultureParkError

    roster = load_roster(personas or [])
    names = [name.strip() for name in culture.split(",")]
    if len(names) != 2:
        raise CultureParkError(
            f"--culture {culture!r} names {len(names)}, and a contrast has two; write e.g. arabic,korean"
        )
    one, other = (roster.culture(name).country for name in names)
    if one == other:
        raise CultureParkError(f"--culture {culture}: both are grounded in {one}, so their answers are the same")
    found = contrast(load_survey(source), one, other)[:limit]
    questions = ",".join(item.question for item in found)
    if as_json:
        print_json({"questions": [item.model_dump() for item in found], "question": questions})
        return
    print_table(
        ("question", "distance", "topic", f"{one} says most", f"% of {one}", f"{other} says most", f"% of {other}"),
        [
            (
                item.question, item.distance, item.topic,
                *(cell for top in item.top for cell in (top.label, round(100 * top.share))),
            )
            for item in found
        ],
    )  # fmt: skip
    say(f"--culture {','.join(names)} --question {questions}")


@surveys_app.command("import-wvs")
def import_wvs_command(
    file: Annotated[Path, typer.Argument(help="World Values Survey wave 7 CSV, official layout.")],
    out: Annotated[Path, typer.Option("--out", help="Survey folder to write; use it with --source FOLDER.")],
    *,
    country: Annotated[
        list[str] | None, typer.Option(help="CODE=culture, e.g. JOR=arabic; may be repeated; all when left out.")
    ] = None,
    personas: Folders = None,
    as_json: JsonFlag = False,
) -> None:
    """Count the answers of a WVS file (weighted where it has weights). Only counts are written, never microdata."""
    from culturepark.personas import load_roster
    from culturepark.personas.surveys.import_wvs import import_wvs, write_survey
    from culturepark.runtime.errors import CultureParkError

    roster = load_roster(personas or [])
    for pair in country or []:
        code, equals, culture = pair.partition("=")
        if equals and culture not in roster.cultures and not personas:
            raise CultureParkError(
                f"--country {pair}: no shipped culture is named {culture!r}; give the folder of its file with "
                f"--personas, or write --country {code}"
            )
        if equals and roster.culture(culture).country != code:
            own = roster.culture(culture).country
            raise CultureParkError(
                f"--country {pair}: culture {culture!r} is grounded in {own}; to ground it in {code}, copy its file, "
                "change `country`, and give the folder with --personas"
            )
    imported = import_wvs(file, countries=[pair.partition("=")[0] for pair in country or []])
    write_survey(imported, out)
    groups = {"kept": sum(cell.counts is not None for cell in imported.groups.values()), "all": len(imported.groups)}
    if as_json:
        print_json(
            {
                "out": str(out),
                "counted": imported.counted,
                "respondents": imported.respondents,
                "not_asked": [list(cell) for cell in imported.not_asked],
                "skipped_rows": imported.skipped_rows,
                "groups": groups,
            }
        )
        return
    print_table(("country", f"respondents ({imported.counted} counted)"), sorted(imported.respondents.items()))
    if imported.not_asked:
        note("not asked: " + ", ".join(f"{where} {item}" for where, item in imported.not_asked))
    if imported.skipped_rows:
        note(f"{imported.skipped_rows} rows without a country were skipped (summary rows)")
    if imported.groups:
        note(f"{groups['kept']} of {groups['all']} groups by sex, age and education kept: those of 30 people or more")
    else:
        note("no columns of sex, age or education: --ground-by needs them")
    say(f"-> {out}   (use it with --source {out})")


@surveys_app.command("import-goqa")
def import_goqa_command(
    file: Annotated[Path, typer.Argument(help="GlobalOpinionQA CSV: question, selections, options, source.")],
    out: Annotated[Path, typer.Option("--out", help="Survey folder to write; use it with --source FOLDER.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Import GlobalOpinionQA: shares over the real options; all questions are held out, aliases marked."""
    from culturepark.personas.surveys.import_goqa import import_goqa, write_goqa

    imported = import_goqa(file)
    write_goqa(imported, out)
    if as_json:
        print_json({"out": str(out), **imported.counts()})
        return
    print_table(("imported", "count"), list(imported.counts().items()))
    say(f"-> {out}   (use it with --source {out})")
