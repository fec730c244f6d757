"""The form that holds one talk under the protocol being designed, on a real model."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from nicegui import ui

from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.spec import parse_model
from culturepark.studio.design import Trial, latest_talk
from culturepark.studio.fields import Field, button, choice, text
from culturepark.studio.jobs import JOBS
from culturepark.studio.page import Visit, address
from culturepark.studio.tags import Tag

EVERY = 0.5


def trial_form(visit: Visit, wanted: str, script: Field | None, arguments: Field, save: Callable[[str], Path]) -> None:
    """Ask who talks about what on which model; a script is saved first, under the name given here."""
    folder = visit.folder.work
    survey = load_survey("wvs7")
    questions = {one.id: f"{one.id} {one.topic}" for one in survey.questions.values() if one.split == "seed"}
    with Tag("section", classes="card stack form", aria_label="Run it"):
        Tag("h2", "Run it on a model", classes="tight")
        with Tag("div", classes="row end"):
            culture = choice("Delegate", "culture", {one: one for one in load_roster().delegate_cultures})
            question = choice("Question", "question", questions)
        with Tag("div", classes="row end"):
            model = text("Model", "model", value="builtin", offered=("builtin", "builtin:smollm2-135m"))
            base_url = text("Its address", "base_url", placeholder="of an openai: model")
        if script is not None:
            name = text("Script's name", "script_name", value="draft")
        told = Tag("div", role="status")
        go = button("Run", primary=True)

    def say(words: str, classes: str) -> None:
        told.clear()
        with told:
            Tag("p", words, classes=classes)

    async def run() -> None:
        run_folder = visit.folder.trials
        try:
            parse_model(model.value.strip())
            if script is None:
                # Whole paths, so that a fork of the talk finds the file wherever it is started.
                protocol = str((folder / wanted).resolve())
            else:
                protocol = str((await asyncio.to_thread(save, name.value.strip())).resolve())
        except CultureParkError as error:
            say(str(error), "refused")
            return
        trial = Trial(
            protocol, arguments.value, culture.value, question.value, model.value.strip(), base_url.value.strip()
        )
        before = await asyncio.to_thread(latest_talk, run_folder, protocol)
        job = JOBS.start(run_folder, protocol, lambda: trial.simulate(run_folder, folder=folder))
        go.props["disabled"] = True
        say("The model is being opened …", "muted")

        async def look() -> None:
            try:
                talk = await asyncio.to_thread(latest_talk, run_folder, protocol)
            except CultureParkError:
                talk = None  # the run is being made
            if job.error is not None:
                say(job.error, "refused")
                del go.props["disabled"]
                timer.deactivate()
            elif talk is not None and (talk != before or not job.running):
                timer.deactivate()
                ui.navigate.to(address("/run/{run}/talk/{talk}", run=run_folder.name, talk=talk))

        with told:
            timer = ui.timer(EVERY, look)

    go.on("click", run)
