"""How a run's classroom is set up: its cultures with their models, its seed; kept beside the run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml
from pydantic import Field

from culturepark.benchmarks.education.forms import Forms, make_forms
from culturepark.personas.culture import Culture
from culturepark.personas.roster import Roster, load_roster
from culturepark.personas.surveys.survey import Survey, load_survey
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.opening import check_address
from culturepark.runtime.models.spec import ModelSpec, parse_model
from culturepark.runtime.record import Record, build, read_yaml
from culturepark.runtime.request import Sampling
from culturepark.runtime.whole_file import whole_file

CLASSROOM: Final = "classroom.yaml"


class Classroom(Record):
    """Everything that was decided before the first lesson."""

    seed: int = 0
    """Of forms and lots."""
    survey: str = "wvs7"
    cultures: dict[str, str] = Field(min_length=1)
    """Cultures that participants may pick, each with its model as after `--model`."""
    base_model: str
    """The untuned model, as after `--model`."""
    base_url: str | None = None
    """Of the server behind `openai:` models."""
    persona_folders: tuple[str, ...] = ()
    """Folders of culture files, as in a study."""
    contact: str = ""
    """Whom participants can ask, shown with the consent."""
    sampling: Sampling = Sampling(max_tokens=200)
    """How both models draw their words."""

    @property
    def roster(self) -> Roster:
        """Shipped cultures, and those of the folders."""
        return load_roster([Path(folder) for folder in self.persona_folders])

    def culture(self, name: str) -> Culture:
        """A culture of this classroom.

        Raises:
            CultureParkError: When it is none of them.
        """
        if name not in self.cultures:
            raise CultureParkError(f"{name!r} cannot be picked here; there are {', '.join(sorted(self.cultures))}")
        return self.roster.culture(name)

    def forms(self, culture: Culture) -> Forms:
        """The two forms of a culture's lessons: the same for every participant."""
        return make_forms(self.asked, culture, seed=self.seed)

    @property
    def asked(self) -> Survey:
        """The survey that is guessed about."""
        return load_survey(self.survey)

    def model(self, name: str) -> tuple[ModelSpec, str | None]:
        """A model with its address."""
        spec = parse_model(name)
        return spec, self.base_url if spec.kind == "openai" else None


def load_classroom(run: Path) -> Classroom | None:
    """Read how the run's classroom is set up; None when it is not."""
    path = run / CLASSROOM
    return build(Classroom, read_yaml(path), place=str(path)) if path.exists() else None


def set_up(run: Path, fields: Mapping[str, object], *, begun: bool) -> Path:
    """Check a classroom and keep it in the run's folder.

    Args:
        run: Run folder.
        fields: Of `Classroom`.
        begun: Whether lessons were held with the one before.

    Raises:
        CultureParkError: For a model that cannot be named, a culture with too few held-out questions, or when lessons
            were held: then another seed or model would mix two studies.
    """
    path = run / CLASSROOM
    found = build(Classroom, dict(fields), place="the classroom")
    before = load_classroom(run)
    if begun and before is not None and before != found:
        raise CultureParkError(
            f"{path}: lessons were held with it, and a change would mix two studies; set the new one up in another run"
        )
    for name in sorted(found.cultures):
        found.forms(found.roster.culture(name))
    for model in (found.base_model, *found.cultures.values()):
        spec, base_url = found.model(model)
        if not spec.talks:
            raise CultureParkError(f"model {model!r} only judges; a lesson needs one that talks")
        check_address(spec, base_url)
    try:
        text = yaml.safe_dump(found.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        with whole_file(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CultureParkError(f"{path}: cannot be written ({error.strerror})") from None
    return path
