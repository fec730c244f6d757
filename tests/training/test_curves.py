"""Losses by step: beside the adapter, in the store, as a picture."""

from pathlib import Path

import pytest

from culturepark.runtime.store import open_store
from culturepark.training.curves import Curve, draw_curves, read_curves, write_curves
from culturepark.training.tables import load_curve, save_curve

CURVE = [
    Curve(step=0, validation_loss=3.0),
    Curve(step=1, loss=2.5, learning_rate=1e-3),
    Curve(step=1, validation_loss=2.4),
]


def test_a_curve_is_read_back_from_the_folder(tmp_path: Path) -> None:
    write_curves(tmp_path, CURVE)

    assert read_curves(tmp_path) == CURVE


def test_a_curve_is_read_back_from_the_store_and_replaced(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    save_curve(store, "arabic", CURVE)
    save_curve(store, "korean", CURVE[:1])
    save_curve(store, "arabic", CURVE[1:])

    assert load_curve(store, "arabic") == CURVE[1:]
    assert load_curve(store, "korean") == CURVE[:1]
    assert load_curve(store, "turkish") == []
    store.close()


def test_a_curve_is_drawn(tmp_path: Path) -> None:
    draw_curves(tmp_path, CURVE, title="arabic")

    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("entry", "point"),
    [
        ({"loss": 2.5, "learning_rate": 1e-3, "step": 1, "epoch": 0.1}, CURVE[1]),
        ({"eval_loss": 2.4, "step": 1, "epoch": 0.1}, CURVE[2]),
        ({"train_runtime": 3.0, "train_loss": 2.2, "step": 1}, None),
    ],
)
def test_trainer_s_log_is_read(entry: dict[str, float], point: Curve | None) -> None:
    assert Curve.from_log(entry) == point
