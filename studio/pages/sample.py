"""One sample, and the whole way back to the survey's counts."""

import asyncio
from typing import TYPE_CHECKING

from culturepark.postprocess.judged import judged_words
from culturepark.postprocess.tables import load_sample
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.read_only import looking
from culturepark.simulation.saved import load_saved
from culturepark.studio.page import Visit, address
from culturepark.studio.palette import tint
from culturepark.studio.people import culture_dot, initial
from culturepark.studio.tags import Tag
from culturepark.studio.transcript import direction

if TYPE_CHECKING:
    from culturepark.postprocess.explain import Explanation


async def draw(visit: Visit) -> None:
    """The sample, the utterance, the verdict, the survey."""
    run = visit.run

    def read() -> "Explanation":
        from culturepark.postprocess.explain import explain  # noqa: PLC0415  (imports LangChain)

        with looking(run) as store:
            sample = load_sample(store, visit.params["sample"])
            if sample is None:
                raise CultureParkError(f"{run}: there is no sample {visit.params['sample']!r} (any more)")
            source = load_saved(run, model="builtin").simulate.source
            return explain(store, [sample], source=source)[0]

    found = await asyncio.to_thread(read)
    with Tag("div", classes="reading"):
        with Tag("div", classes="stack"):
            _said(visit, found)
            _row(found)
        with Tag("aside", classes="stack beside", aria_label="Where it comes from"):
            _survey(found)


def _said(visit: Visit, found: "Explanation") -> None:
    sample, own = found.sample, found.opinions[0]
    seat = found.talk.seat(own.speaker)
    text = found.talk.turns[own.turn].text
    with Tag("section", classes="card", style=tint(sample.culture)):
        with Tag("p", classes="row"):
            culture_dot(sample.culture)
            Tag("span", f"{sample.country}, {sample.language}", classes="muted small")
            Tag("span", f"stands for {sample.mass}", classes="pill")
            Tag("span", sample.id, classes="mono muted small")
        Tag("p", sample.text, classes="opinion-text", dir=direction(sample.language), lang=sample.language)
        Tag("h2", "Said")
        with Tag("div", classes="person"):
            initial(seat)
            with Tag("blockquote", dir=direction(own.language), lang=own.language):
                Tag("span", text[: own.start])
                Tag("mark", own.quote)
                Tag("span", text[own.end :])
        href = address("/run/{run}/talk/{talk}", run=visit.params["run"], talk=own.talk) + f"#turn-{own.turn}"
        Tag("a", f"{seat.name}, turn {own.turn} of {own.talk}", href=href)
        Tag("h2", "Judged", classes="spaced")
        with Tag("ul", classes="plain small"):
            for line in judged_words(own, found.judge):
                Tag("li", line)
    if len(found.opinions) > 1:
        with Tag("section", classes="card"):
            Tag("h2", "Also stands for")
            for other in found.opinions[1:]:
                Tag("p", other.text, dir=direction(other.language), lang=other.language, classes="tight")
                Tag("p", f"{other.merged_by}, cosine {other.cosine}", classes="muted small")


def _row(found: "Explanation") -> None:
    with Tag("section", classes="card"):
        Tag("h2", "As a training row")
        for message in found.sample.messages:
            with Tag("div", classes="message"):
                Tag("b", message.role, classes="small muted")
                Tag("p", message.content, dir="auto")


def _survey(found: "Explanation") -> None:
    sample, talk = found.sample, found.talk
    with Tag("section", classes="card", style=tint(sample.culture)):
        Tag("h2", "The survey")
        Tag("p", talk.seed.id, classes="mono small muted tight")
        for language, text in talk.seed.text.items():
            Tag("p", text, lang=language, dir=direction(language))
        if sample.stance is not None:
            Tag("p", f"Held to: {sample.stance.words}", classes="tight")
            Tag("p", sample.stance.standing, classes="muted small")
        if found.answers is not None:
            total = sum(found.answers.values()) or 1
            with Tag("dl", classes="answers"):
                for code, count in found.answers.items():
                    held = sample.stance is not None and sample.stance.code == code
                    Tag("dt", f"{code} {talk.seed.scale.labels.get(code, '')}".strip())
                    with Tag("dd"):
                        Tag(
                            "span",
                            classes="answer held" if held else "answer",
                            style=f"width: {78 * count / total:.1f}%",
                        )
                        Tag("span", f"{100 * count / total:.0f} %", classes="small")
        if found.survey is not None:
            Tag("p", f"{found.survey}. {found.citation}", classes="muted small spaced")
    with Tag("section", classes="card"):
        Tag("h2", "Made by")
        Tag("p", f"{talk.model}, protocol {talk.protocol.name}", classes="small")
        Tag("p", "Synthetic: no real person said this.", classes="muted small tight")
