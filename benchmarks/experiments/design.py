"""An experiment's design, written before its data: claim, arms, primary test. One YAML file each."""

from importlib.resources import files
from typing import Final, Literal

from pydantic import Field, model_validator

from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.hashing import sha256
from culturepark.runtime.record import Record, build, parse_yaml

SCRIPTED: Final = "scripted"
"""The model of questions about our instruments: it says what it is told to believe, see `scripted`."""
SizeName = Literal["small", "full"]


class Test(Record):
    """The primary test. A positive effect is what the claim says."""

    __test__ = False  # no test of pytest's

    contrast: str
    """What is subtracted from what."""
    unit: str
    """Of the effect, for people."""
    smallest: float = Field(gt=0)
    """The smallest effect worth having, fixed beforehand: a claim of less is not supported."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Of the two-sided test."""
    fewest_pairs: int = Field(default=6, ge=2)
    """Pairs below which nothing is tested."""


class Size(Record):
    """How much is done. What an experiment does not use, it ignores."""

    model: str
    """Who talks; `scripted`, or as after `--model`."""
    judge: str | None = None
    base: str = "smollm2-135m"
    """The model that adapters are trained on."""
    cultures: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    """Seed questions; all when empty."""
    talks: int = Field(ge=1)
    """Talks of each arm."""
    utterances: int = Field(default=6, ge=2)
    arms: tuple[str, ...] = ()
    """Those that are run, of the design's; all when empty."""
    rows: int = Field(default=64, ge=2)
    """Training rows of each arm, at most; all arms get as many as the one with fewest has."""
    steps: int | None = Field(default=None, ge=1)
    """Training steps; the epochs decide when None."""
    cells: int | None = Field(default=None, ge=1)
    """Culture and question pairs that models are measured on; all when None."""
    sets: tuple[str, ...] = ()
    """Moderation sets of `--data`, by their names in the suite."""
    texts: int | None = Field(default=None, ge=1)
    """Texts that models moderate; all when None."""
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """Of training: each arm is trained once with each."""


class Further(Record):
    """A claim about another task, with a test and a verdict of its own."""

    claim: str
    outcome: str
    unit: str
    """Of analysis."""
    clusters: str
    """What pairs share; the unit of interval and p value."""
    test: Test
    checks: tuple[str, ...] = ()
    """Manipulation checks of this task, beside the design's."""


class Design(Record):
    """Everything that is fixed before the first request; its hash stands in every report."""

    name: str = Field(pattern=r"^[a-z][a-z_]*$")
    version: int = Field(ge=1)
    """Raised with any change of what follows; results of two versions are never compared."""
    claim: str
    arms: dict[str, str] = Field(min_length=2)
    """What each arm is."""
    outcome: str
    unit: str
    """Of analysis."""
    clusters: str
    """What pairs share; the unit of interval and p value."""
    test: Test
    checks: tuple[str, ...] = ()
    """Manipulation checks: where one fails, the verdict is `underpowered`, whatever the numbers are."""
    further: dict[str, Further] = {}
    """Claims about other tasks, by task. Each has its own verdict; none is counted for another."""
    several_models: bool = False
    """Whether `--model` may name several, to be compared."""
    needs: dict[str, str] = {}
    """Options that the full size does not do without, with what they name: `survey`, `data`."""
    limits: str
    """What the experiment cannot say."""
    sizes: dict[SizeName, Size]

    @model_validator(mode="after")
    def _both_sizes(self) -> "Design":
        if set(self.sizes) != {"small", "full"}:
            raise ValueError("sizes: both small and full are needed")
        return self

    @property
    def claims(self) -> str:
        """Everything that is claimed."""
        return " ".join([self.claim, *(one.claim for one in self.further.values())])

    @property
    def sha256(self) -> str:
        """Hash of what is claimed and how it is tested. Sizes may be overridden, and stand in the report themselves.

        A design with one claim has the hash that it had before there could be several.
        """
        return sha256(self.model_dump(mode="json", exclude={"sizes"} if self.further else {"sizes", "further"}))


def load_design(name: str) -> Design:
    """Read a shipped design.

    Raises:
        CultureParkError: For an unknown name, with the closest known one.
    """
    if name not in names():
        raise unknown("experiment", name, names())
    place = f"designs/{name}.yaml"
    text = (files(__package__) / "designs" / f"{name}.yaml").read_text(encoding="utf-8")
    design = build(Design, parse_yaml(text, place=place), place=place)
    if design.name != name:
        raise CultureParkError(f"{place}: is called {design.name!r}; a design is named for its file")
    return design


def names() -> tuple[str, ...]:
    """All experiments, sorted."""
    return tuple(
        sorted(
            file.name.removesuffix(".yaml")
            for file in (files(__package__) / "designs").iterdir()
            if file.name.endswith(".yaml")
        )
    )
