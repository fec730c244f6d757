"""An opinion to read: what was said, how it was judged, which sample it is in."""

from culturepark.studio.fate import Fate
from culturepark.studio.page import Visit, address
from culturepark.studio.palette import tint
from culturepark.studio.people import culture_dot
from culturepark.studio.tags import Tag
from culturepark.studio.transcript import direction


def opinion_card(visit: Visit, fate: Fate, *, talk_link: bool = False) -> None:
    """Draw an opinion; with `talk_link`, a link to the place where it was said."""
    opinion, run = fate.opinion, visit.params["run"]
    Tag("h2", "Opinion")
    with Tag("p", classes="row tight", style=tint(opinion.culture)):
        culture_dot(opinion.culture)
        Tag("span", f"{opinion.country}, {opinion.question}", classes="muted small")
    Tag("p", opinion.text, classes="opinion-text", dir=direction(opinion.language), lang=opinion.language)
    with Tag("p", classes="row"):
        verdict = opinion.verdict_as_said or "unjudged"
        Tag("span", verdict, classes=f"pill verdict verdict-{verdict}")
        if opinion.dropped is not None:
            Tag("span", opinion.dropped.replace("_", " "), classes="pill")
    if opinion.stance is not None:
        Tag("p", f"Its speaker {opinion.stance.words}.", classes="small")
    with Tag("ul", classes="small plain"):
        for line in fate.words:
            Tag("li", line)
    if fate.kept is not None:
        Tag("p", f"Merged ({opinion.merged_by}, cosine {opinion.cosine}) into:", classes="small muted tight")
        Tag("p", fate.kept.text, dir=direction(fate.kept.language), lang=fate.kept.language)
    with Tag("div", classes="row"):
        if fate.sample is not None:
            href = address("/run/{run}/sample/{sample}", run=run, sample=fate.sample.id)
            Tag("a", "Open the sample", classes="button primary", href=href)
        if talk_link:
            href = address("/run/{run}/talk/{talk}", run=run, talk=opinion.talk) + f"#turn-{opinion.turn}"
            Tag("a", "Where it was said", classes="button", href=href)
    if fate.sample is None and opinion.dropped is not None:
        Tag("p", f"It is in no sample: {opinion.dropped.replace('_', ' ')}.", classes="muted small")
