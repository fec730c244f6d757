"""The printable protocol of a classroom study: one page that needs no network, with power and a pre-registration."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

import jinja2

from culturepark.benchmarks.education.forms import Forms, make_forms, upper_words
from culturepark.benchmarks.education.materials import load_materials
from culturepark.benchmarks.education.power import Size, needed_size
from culturepark.personas.culture import Culture
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.whole_file import whole_file

CORRELATIONS: Final = (0.3, 0.5, 0.7)


class PrintedForms(NamedTuple):
    """A culture's questions, without any answer."""

    culture: Culture
    forms: Forms


def protocol_page(size: Size, *, cultures: Sequence[str] = (), survey: str = "wvs7", seed: int = 0) -> str:
    """Render the protocol.

    Args:
        size: Of the study, with its assumptions.
        cultures: Ids of cultures whose forms are printed.
        survey: That the forms are of.
        seed: Of the drawing of forms and arms.

    Raises:
        CultureParkError: For an unknown culture, or one with too few held-out questions.
    """
    roster, source = load_roster(), load_survey(survey)
    printed = []
    for name in cultures:
        culture = roster.culture(name)
        printed.append(PrintedForms(culture, make_forms(source, culture, seed=seed)))
    design = size.design
    spread = [
        needed_size(design.model_copy(update={"correlation": correlation, "effect": effect}))
        for effect in sorted({design.effect, round(design.effect * 1.5, 3), round(design.effect * 0.75, 3)})
        for correlation in sorted({*CORRELATIONS, design.correlation})
    ]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["upper"] = upper_words
    template = (files(__package__) / "templates" / "protocol.html").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        size=size,
        design=design,
        table=spread,
        printed=printed,
        materials=load_materials(),
        survey=source.info,
        seed=seed,
    )


def write_protocol(page: str, path: Path) -> None:
    """Write the page.

    Raises:
        CultureParkError: When the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            partial.write_text(page, encoding="utf-8")
    except OSError as error:
        raise CultureParkError(f"{path}: cannot be written ({error.strerror}); choose another --out") from None
