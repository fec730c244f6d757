"""Every known way to fail is seen in a run that was planted to show it, and in none that was not."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from culturepark.benchmarks.opinions.summary import MATRIX
from culturepark.benchmarks.results import save_result
from culturepark.benchmarks.signatures import signatures
from culturepark.benchmarks.task import BenchSettings, Counts, ItemScore, SuiteResult, Table
from culturepark.postprocess.funnel import Funnel
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import make_sample
from culturepark.postprocess.tables import replace_refined
from culturepark.runtime.store import Store, open_store
from culturepark.simulation.talks import load_transcripts
from tests.benchmarks.dialogue.scripted import Stands, World, measured, simulate
from tests.commands import command, document, mistake
from tests.stub_server import Body, serving

pytestmark = pytest.mark.integration

MAIN = ("Lily", "Jack")
GOOD_TEXTS = (
    "My mother sold bread at dawn and still told us stories.", "Rain on the tin roof is what I call home.",
    "Whoever cooks decides what is eaten, says my aunt.", "I sent my first wages to my grandmother.",
    "At the harbor nobody asks who your father was.", "My brother left school and nobody scolded him.",
)  # fmt: skip


def apart(name: str, _own: int, _seed: int) -> int:
    return 1 if name in MAIN else 4


def agreeing(name: str, own: int, _seed: int) -> int:
    return 1 if name in MAIN or own else 4


class Saying(World):
    """Delegates say one thing and nothing else."""

    def __init__(self, said: str, stands: Stands = apart) -> None:
        super().__init__(stands)
        self.said = said

    def __call__(self, body: Body) -> str:
        found = super().__call__(body)
        name = str(body["messages"][-1]["content"]).rstrip().removesuffix(":").rpartition("\n")[2]
        return self.said if "number" in found and name not in MAIN else found


def make(folder: Path, world: World, *, dialogue: bool = True) -> Path:
    with serving(answer=world) as stub:
        simulate(folder, stub.base_url, talks=4, culture="arabic,korean", pair="conflict")
        if dialogue:
            result = measured(folder, stub.base_url)
            change(folder, lambda store: save_result(store, result))
    return folder


def change(folder: Path, work: Callable[[Store], Any]) -> Path:
    store = open_store(folder)
    try:
        work(store)
    finally:
        store.close()
    return folder


def refine_by_hand(texts: Sequence[str], *, irrelevant: int = 0, lose: bool = False) -> Callable[[Store], None]:
    """Put a sample for each text into a run; `{words}` is its speaker's stance. With `lose`, one more is merged away."""

    def work(store: Store) -> None:
        talks = load_transcripts(store)
        opinions, samples = [], []
        for place, text in enumerate([*texts, *(["lost"] if lose else [])]):
            talk = talks[place % len(talks)]
            seat = talk.seats[0 if lose and text == "lost" else 1]
            assert seat.stance is not None
            own = text.format(words=seat.stance.words)
            one = Opinion(
                id=f"o{place}", text=own, quote=own, start=0, end=len(own), talk=talk.id, turn=1, speaker=seat.id,
                culture=seat.culture.id, country=seat.culture.country, question=talk.seed.id, stance=seat.stance,
                about="own", verdict="entail", dropped="merged" if text == "lost" else None,
            )  # fmt: skip
            opinions.append(one)
            if one.dropped is None:
                samples.append(make_sample(one, (), question=talk.seed, culture=seat.culture))
        dropped = {"irrelevant": irrelevant, "merged": int(lose)}
        funnel = Funnel(
            talks=4,
            utterances=28,
            unread={},
            extracted=len(opinions) + irrelevant,
            dropped=dropped,
            samples=len(samples),
        )
        asyncio.run(replace_refined(store, opinions, samples, funnel))

    return work


def opinions_result(model: str, value: float, matrix: Sequence[Sequence[float]]) -> SuiteResult:
    """The suite `opinions`, with one value for every item."""
    cultures = {"arabic": "JOR", "bengali": "BGD", "chinese": "CHN", "german": "DEU"}
    rows = tuple((culture, *near) for culture, near in zip(cultures, matrix, strict=True))
    items = tuple(
        ItemScore(id=f"i{n}", cluster=f"b{n % 4}", culture="arabic", value=value + n % 3 / 100) for n in range(12)
    )
    return SuiteResult(
        suite="opinions", version=1, model=model, identity=model, settings=BenchSettings(baseline="openai:base"),
        counts=Counts(answered=12), scores=(), items=items,
        tables=(Table(title=f"{MATRIX} (wvs7, en)", columns=("culture", *cultures.values()), rows=rows),),
    )  # fmt: skip


DIAGONAL = [[0.9 if row == column else 0.5 for column in range(4)] for row in range(4)]
NEVER_OWN = [[0.9 if column == (row + 1) % 4 else 0.5 for column in range(4)] for row in range(4)]


def models(value: float, matrix: Sequence[Sequence[float]] = DIAGONAL) -> Callable[[Store], None]:
    def work(store: Store) -> None:
        save_result(store, opinions_result("openai:base", 0.5, matrix))
        save_result(store, opinions_result("openai:tuned", value, matrix), place=1)

    return work


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People who keep their stances and say new things, samples of many kinds, a model that gained."""
    folder = make(tmp_path_factory.mktemp("good"), World(apart))
    change(folder, refine_by_hand(GOOD_TEXTS * 2, irrelevant=2))
    return change(folder, models(0.7))


def checks(folder: Path) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in document("report", folder)["checks"]}


def bad(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: one["status"] for name, one in found.items() if one["status"] != "ok"}


def test_a_good_run_triggers_no_signature(good: Path) -> None:
    found = checks(good)

    assert list(found) == list(signatures())
    assert bad(found) == {}
    assert [one["remedy"] for one in found.values()] == [""] * 7
    assert found["diagonal"]["says"] == ("openai:base: 4 of 4 countries, chance is 1; exact permutation p = 0.0417")


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        pytest.param(
            "copied_stance", refine_by_hand(["He {words}."] * 10 + ["So {words}!"] * 10), id="stance-sentences"
        ),
        pytest.param("removed", refine_by_hand(GOOD_TEXTS, irrelevant=30), id="most-removed"),
        pytest.param("removed", refine_by_hand(GOOD_TEXTS * 2, lose=True), id="a-stance-merged-away"),
        pytest.param("no_gain", models(0.4), id="worse-than-the-prompt"),
        pytest.param("diagonal", models(0.7, NEVER_OWN), id="no-country-won"),
    ],
)
def test_planted_samples_and_models(good: Path, tmp_path: Path, name: str, plant: Callable[[Store], None]) -> None:
    folder = Path(shutil.copytree(good, tmp_path / "run"))
    change(folder, plant)

    assert bad(checks(folder)) == {name: "fail"}


@pytest.mark.parametrize(
    ("name", "world"),
    [
        pytest.param(
            "self_repetition",
            Saying("I stand by number four since nobody in our street ever did otherwise."),
            id="one-line",
        ),
        pytest.param(
            "caricature",
            Saying("I am a man from Jordan, I am Arabic-speaking, a man from South Korea, a woman, I am Korean."),
            id="all-about-being-so",
        ),
        pytest.param("early_convergence", World(agreeing), id="polite-at-once"),
    ],
)
def test_planted_talks(tmp_path: Path, name: str, world: World) -> None:
    folder = make(tmp_path, world)

    found = checks(folder)

    assert found[name]["status"] == "fail"
    named = found[name]["talks"]
    assert named
    page = (folder / "report.html").read_text(encoding="utf-8")
    for talk in named:
        assert f'<a href="#{talk}">' in page
        assert f'<details id="{talk}"' in page


def test_a_judge_that_hears_nothing_finds_no_convergence(tmp_path: Path) -> None:
    folder = make(tmp_path, World(agreeing, hears=False))

    found = checks(folder)["early_convergence"]

    assert found["status"] == "not measured"
    assert found["says"] == (
        "the judge puts only 50% of plainly said stances on their side, 80% are needed: name another --judge-model"
    )


def test_what_was_not_measured_says_how_to(tmp_path: Path) -> None:
    folder = make(tmp_path, World(apart), dialogue=False)

    found = checks(folder)

    assert {name: one["status"] for name, one in found.items()} == {
        "self_repetition": "ok",
        **dict.fromkeys(
            ["caricature", "early_convergence", "copied_stance", "removed", "no_gain", "diagonal"], "not measured"
        ),
    }
    assert found["early_convergence"]["says"] == (
        "0 talks that start apart, 2 are needed: `culturepark bench dialogue --run RUN --judge-model MODEL` measures it"
    )
    shown = command("report", folder).splitlines()
    assert shown[0] == "check\tstatus\tn\tfound\ttalks"
    assert shown[1].startswith("people repeat themselves\tok\t4 talks\t0")


def test_an_empty_run_has_nothing_to_report(tmp_path: Path) -> None:
    open_store(tmp_path).close()

    assert mistake("report", tmp_path) == (
        f"{tmp_path}: no suite was run here; `culturepark bench moderation --run {tmp_path}` runs one"
    )
