"""Whose adapter gains where: by hand on made results, and with really trained adapters through the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from culturepark.benchmarks.claim import claim_tables, role_of
from culturepark.benchmarks.diagonal import diagonal
from culturepark.benchmarks.task import BenchSettings, Counts, ItemScore, SuiteResult, Table
from culturepark.runtime.models.adapters import CONFIG, DESCRIPTION, WEIGHTS, Adapter
from culturepark.runtime.models.weights import find_weights
from culturepark.runtime.request import Message
from culturepark.training.local import train_adapter
from culturepark.training.lora_settings import LoraSettings
from culturepark.training.row import Row, make_row
from tests.commands import document

SMALL = "smollm2-135m"
CULTURES = ("arabic", "chinese", "german")
COUNTRIES = {"arabic": "JOR", "chinese": "CHN", "german": "DEU"}


def result(model: str, values: Mapping[str, Sequence[float]]) -> SuiteResult:
    """Two items a culture, in two sets."""
    return SuiteResult(
        suite="moderation", version=1, model=model, identity=model, settings=BenchSettings(), counts=Counts(answered=6),
        scores=(),
        items=tuple(
            ItemScore(id=f"{culture}{place}", cluster=f"{culture}{place}", culture=culture, value=value)
            for culture, own in values.items()
            for place, value in enumerate(own)
        ),
    )  # fmt: skip


def flat(value: float, **own: float) -> dict[str, Sequence[float]]:
    return {culture: [own.get(culture, value)] * 2 for culture in CULTURES}


class Adapters:
    """Adapter folders that say what they were trained on, as `--model` names them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, name: str, *cultures: str, rows: str = "talks1", seed: int = 0) -> str:
        """The model of an adapter that is made here, its weights left out."""
        place = self.folder / name
        place.mkdir()
        (place / CONFIG).write_text("{}", encoding="utf-8")
        (place / WEIGHTS).write_bytes(b"")
        described = Adapter(
            base=SMALL, base_sha256=find_weights(SMALL).sha256, cultures=cultures, rows=4, rows_sha256=rows,
            rows_by_country={}, rows_by_kind={}, validation_rows=0, settings={}, seed=seed, device="cpu",
            precision="float32", quantization="none", steps=1, stopped_early=False, loss=1.0,
            validation_loss_before=None, validation_loss=None,
        )  # fmt: skip
        (place / DESCRIPTION).write_text(described.model_dump_json(), encoding="utf-8")
        return f"builtin:{SMALL}+{place}"


@pytest.fixture
def adapters(tmp_path: Path) -> Adapters:
    return Adapters(tmp_path)


def row_of(table: Table, name: str) -> dict[str, Any]:
    return next(dict(zip(table.columns, row, strict=True)) for row in table.rows if row[0] == name)


def test_the_claim_by_hand(adapters: Adapters) -> None:
    others = [
        result(adapters.make("arabic", "arabic"), flat(0.2, arabic=0.5)),
        result(adapters.make("chinese", "chinese"), flat(0.2, chinese=0.6)),
        result(adapters.make("german", "german"), flat(0.2, german=0.1)),
        result(adapters.make("all", *CULTURES), flat(0.3)),
        result(adapters.make("arabic-placebo", "arabic"), flat(0.2)),
    ]

    whole, each = claim_tables(others, result("base", flat(0.1)))

    # 0.3, 0.4 and -0.1 above the other two adapters, each on two items.
    first = row_of(whole, "own adapter minus the adapters of the other cultures")
    assert first["value"] == pytest.approx((0.3 + 0.4 - 0.1) / 3)
    assert (first["items"], first["clusters"], first["note"]) == (6, 6, "few clusters: exact sign flips")
    assert first["detectable"] > 0
    assert row_of(whole, "own adapter minus the pooled adapter")["value"] == pytest.approx((0.2 + 0.3 - 0.2) / 3)
    assert row_of(whole, "own adapter minus the placebo")["value"] == pytest.approx((0.3 + 0.4 - 0.1) / 3)
    assert row_of(whole, "own adapter minus the model that is not tuned")["value"] == pytest.approx((0.4 + 0.5 + 0) / 3)
    wins = row_of(whole, "diagonal wins")
    assert (wins["value"], wins["items"], wins["p"]) == (pytest.approx(2 / 3), 3, pytest.approx(1 / 6))
    contrast = row_of(whole, "gain on the own culture minus gain on the others'")
    assert contrast["value"] == pytest.approx((0.4 + 0.5 + 0) / 3 - 0.1)
    assert len(each.rows) == 3 * 4  # three adapters, each against two others, the pooled one and the placebo
    assert all(row[-1] == "few clusters: exact sign flips" for row in each.rows)


@pytest.mark.parametrize(
    ("levels", "how", "talks", "trainings"),
    [
        ([("a", "0"), ("a", "1"), ("b", "0"), ("b", "1")], "talks and trainings are drawn again, crossed", 2, 2),
        ([("a", "0"), ("a", "1")], "one set of talks: trainings are drawn again", 1, 2),
        ([("a", "0"), ("b", "0")], "talks are drawn again", 2, 1),
    ],
)
def test_models_of_several_seeds_are_their_own_units(
    adapters: Adapters, levels: Sequence[tuple[str, str]], how: str, talks: int, trainings: int
) -> None:
    gains = [0.5, 0.7, 0.4, 0.6][: len(levels)]
    others = [result(adapters.make("chinese", "chinese"), flat(0.2))]
    for (rows, seed), gain in zip(levels, gains, strict=True):
        model = adapters.make(f"arabic-{rows}{seed}", "arabic", rows=rows, seed=int(seed))
        others.append(result(model, flat(0.2, arabic=gain)))

    *_, seeds = claim_tables(others, result("base", flat(0.1)))

    (row,) = seeds.rows
    found = dict(zip(seeds.columns, row, strict=True))
    assert found["value"] == pytest.approx(np.mean(gains) - 0.2)
    assert found["low"] < found["value"] < found["high"]
    assert (found["models"], found["talks"], found["trainings"], found["note"]) == (len(levels), talks, trainings, how)


def test_without_an_adapter_of_one_culture_nothing_is_claimed(adapters: Adapters) -> None:
    models = [adapters.make("all", *CULTURES), adapters.make("arabic-placebo", "arabic"), "openai:gone"]

    assert claim_tables([result(model, flat(0.3)) for model in models], result("base", flat(0.1))) == []


@pytest.mark.parametrize(
    ("near", "expected"),
    [
        pytest.param([[3, 1, 1], [0, 3, 1], [0, 0, 3]], (3, 1 / 6, 3 - 3 / 6, 1 / 6), id="all-win"),
        pytest.param([[1, 1, 1], [1, 1, 1], [1, 1, 1]], (1, 1, 0, 1), id="all-alike"),
        pytest.param([[0, 1, 0], [0, 0, 1], [1, 0, 0]], (0, 1, -0.5, 1), id="none-wins"),
    ],
)
def test_the_diagonal_by_hand(near: Sequence[Sequence[float]], expected: Sequence[float]) -> None:
    cells = {(one, other): near[i][j] for i, one in enumerate(CULTURES) for j, other in enumerate(CULTURES)}

    found = diagonal(cells, {name: name for name in CULTURES})

    assert found is not None
    assert (found.wins, found.wins_p, found.contrast, found.contrast_p) == pytest.approx(tuple(expected))
    assert diagonal({("arabic", "arabic"): 1.0}, {"arabic": "arabic"}) is None


def rows_of(cultures: Sequence[str]) -> list[Row]:
    """Four rows a culture: it always says its own letter."""
    return [
        make_row(
            "survey",
            (
                Message(role="system", content=f"You answer as people in {COUNTRIES[culture]} do."),
                Message(role="user", content=f"Question {number}?"),
                Message(role="assistant", content=str(CULTURES.index(culture) + 1)),
            ),
            culture=culture, country=COUNTRIES[culture], language="en", question=f"wvs7:Q{number}", stance=1,
            source="culturepark",
        )
        for culture in cultures
        for number in range(1, 5)
    ]  # fmt: skip


REGISTRY = """\
{culture}_comments:
  culture: {culture}
  language: en
  task: spam
  local: {culture}.jsonl
  source: made up
  licence: CC0-1.0
  labels: {{spam: spam, ham: not_spam}}
  positive: spam
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_really_trained_adapters_get_their_matrix_and_their_claim(tmp_path: Path) -> None:
    settings = LoraSettings(base=SMALL, rank=2, max_steps=1, batch=2, learning_rate=5e-2, schedule="constant")
    trained = {name: (name,) for name in CULTURES} | {"all": CULTURES, "arabic-placebo": ("arabic",)}
    models = []
    for number, (name, cultures) in enumerate(trained.items()):
        folder = train_adapter(rows_of(cultures), [], settings, tmp_path / "adapters" / name, seed=number).folder
        models += ["--model", f"builtin:{SMALL}+{folder}"]
    for culture in CULTURES:
        lines = [f'{{"text": "{culture} text {n}", "label": "{("ham", "spam")[n % 2]}"}}\n' for n in range(4)]
        (tmp_path / f"{culture}.jsonl").write_text("".join(lines), encoding="utf-8")
    registry = tmp_path / "sets.yaml"
    registry.write_text("".join(REGISTRY.format(culture=culture) for culture in CULTURES), encoding="utf-8")

    for suite, more in (("opinions", ("--limit", "3")), ("moderation", ("--registry", registry))):
        found = document(
            "bench", suite, "--baseline", f"builtin:{SMALL}", *models, "--scoring", "likelihood", "--culture",
            ",".join(CULTURES), "--prompt-language", "en", "--run", tmp_path / "run", *more,
        )  # fmt: skip

        gains, matrix, whole, each = (Table.model_validate(table) for table in found["comparisons"][suite])
        assert [row[0] for row in gains.rows] == [name for name in models if name != "--model"]
        assert matrix.columns == ("model", *CULTURES)
        assert len(matrix.rows) == 5
        names = [row[0] for row in whole.rows]
        assert names == [
            "own adapter minus the adapters of the other cultures", "own adapter minus the pooled adapter",
            "own adapter minus the placebo", "own adapter minus the model that is not tuned", "diagonal wins",
            "gain on the own culture minus gain on the others'",
        ]  # fmt: skip
        # The diagonal of the matrix that is shown is what the claim counts.
        table = np.array([[float(value) for value in row[1:]] for row in matrix.rows[:3]])  # type: ignore[arg-type]
        contrast = np.trace(table) / 3 - (table.sum() - np.trace(table)) / 6
        assert row_of(whole, names[-1])["value"] == pytest.approx(contrast, abs=1e-9)
        assert len(each.rows) == 3 * 4
    assert [role_of(name).words for name in models if name != "--model"] == [
        "of arabic", "of chinese", "of german", "pooled", "placebo",
    ]  # fmt: skip
