"""Every experiment from its command to its report, as small as it gets, with the scripted model talking."""

import json
from pathlib import Path
from typing import Any

import pytest

from culturepark.benchmarks.experiments.design import load_design
from culturepark.benchmarks.experiments.surveys import MADE_UP_NOTE
from tests.commands import command, mistake

TINY = ("--small", "--seed", "1")
TALKS: dict[str, tuple[str, ...]] = {
    "conflict": ("--model", "scripted", "--talks", "8"),
    "refinement": ("--talks", "72"),
    "self_calibration": ("--talks", "12"),
    "tradeoffs": ("--talks", "16"),
}
ADAPTERS: dict[str, tuple[str, ...]] = {
    "by_culture": ("--talks", "16", "--culture", "arabic,german"),
    # After one step, whose rate is still 0, all arms have the same weights.
    "human_data": ("--talks", "16", "--culture", "chinese", "--steps", "1"),
    "low_resource": ("--talks", "16"),
    "small_finetune": ("--talks", "16", "--culture", "arabic", "--texts", "6", "--seeds", "0,1"),
    "within_culture": ("--talks", "16"),
}
QUICK = ("--rows", "8", "--steps", "2", "--cells", "6")


def run(name: str, folder: Path, *options: str) -> dict[str, Any]:
    """Run an experiment and read its report."""
    command("experiments", "run", name, *TINY, *options, "--run", folder)
    found: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    return found


def check_report(name: str, report: dict[str, Any], folder: Path) -> None:
    """A report has everything that makes it one."""
    design = load_design(name)
    page = (folder / "report.md").read_text("utf-8")
    assert report["sha256"] == design.sha256
    assert report["scripted"]
    assert report["verdict"]["outcome"] in {"supported", "not supported", "underpowered"}
    assert f"**Verdict: {report['verdict']['outcome']}.**" in page
    assert design.claim in page
    assert "Nobody real talks here" in page
    assert report["command"].startswith(f"culturepark experiments run {name} --small")
    assert report["command"] in page
    assert f"culturepark experiments run {name}" in report["full_command"]
    assert sum(cost["requests"] for cost in report["full_cost"]) > 1000
    assert all(cost["money"] is not None for cost in report["full_cost"])
    assert report["analysis"]["primary"]["pairs"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", TALKS)
def test_talks_are_held_measured_and_judged(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name

    report = run(name, folder, *TALKS[name])

    check_report(name, report, folder)
    assert all(report["analysis"]["n"][arm] > 0 for arm in report["analysis"]["n"])


@pytest.mark.slow
def test_the_same_command_sends_nothing_again_and_finds_the_same(tmp_path: Path) -> None:
    first = run("tradeoffs", tmp_path / "run", *TALKS["tradeoffs"])
    before = {path.name: path.stat().st_size for path in (tmp_path / "run" / "runs").iterdir()}

    again = run("tradeoffs", tmp_path / "run", *TALKS["tradeoffs"])

    assert again == first
    assert {path.name: path.stat().st_size for path in (tmp_path / "run" / "runs").iterdir()} == before


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ADAPTERS)
def test_adapters_are_trained_measured_and_judged(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name

    report = run(name, folder, *QUICK, *ADAPTERS[name])

    check_report(name, report, folder)
    sizes = {count for arm, count in report["analysis"]["n"].items() if arm != "base"}
    assert len(sizes) == 1  # all arms have as many rows
    assert report["analysis"]["primary"]["unit"] == "similarity"
    tasks = {"moderation"} if name == "small_finetune" else set()
    assert set(report["further"]) == set(report["analysis"]["further"]) == tasks
    for task in tasks:
        assert report["further"][task]["outcome"] in {"supported", "not supported", "underpowered"}
        assert report["analysis"]["further"][task]["primary"]["pairs"] == 6
        assert {path.name for path in (folder / "adapters").iterdir()} == {
            "culturepark-seed0", "culturepark-seed1", "placebo-seed0", "placebo-seed1"
        }  # fmt: skip
    made_up = name in {"low_resource", "within_culture"}
    assert (MADE_UP_NOTE in report["analysis"]["notes"]) == made_up


@pytest.mark.slow
def test_a_dry_run_says_what_is_coming_and_sends_nothing(tmp_path: Path) -> None:
    shown = command("experiments", "run", "self_calibration", "--small", "--dry-run", "--run", tmp_path / "run")

    assert [line.split("\t")[0] for line in shown.splitlines()[1:-1]] == [
        "own", "meters of own", "none", "meters of none", "other", "meters of other", "placebo", "meters of placebo",
    ]  # fmt: skip
    assert shown.splitlines()[-1].endswith("nothing was sent (--dry-run)")
    assert not (tmp_path / "run" / "registration.json").exists()


def test_a_survey_without_the_countries_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "survey.csv"
    path.write_text("B_COUNTRY_ALPHA,Q27\nEGY,1\n", encoding="utf-8")

    line = mistake("experiments", "run", "within_culture", "--small", "--survey", path, "--run", tmp_path / "run")

    assert line == f"{path}: no respondents of TUN; found: EGY"


def test_a_country_that_was_asked_too_little_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "survey.csv"
    path.write_text("B_COUNTRY_ALPHA,Q27\nGRC,1\n", encoding="utf-8")

    line = mistake("experiments", "run", "low_resource", "--small", "--survey", path, "--run", tmp_path / "run")

    assert line == (
        f"low_resource: {path}: GRC was asked 1 of the seed questions, and the test takes 6; give a file with these columns"
    )
