"""A stage imports only stages above it; held-out answers have one door; frameworks have one door each."""

import ast
import tomllib
from functools import cache
from pathlib import Path

import pytest
from setuptools import find_packages

from tests.conftest import ROOT

STAGES = ["runtime", "personas", "protocols", "simulation", "postprocess", "training", "benchmarks", "studio"]
# Developer benchmarks drive the installed package from outside, as the tests do; they are not part of it.
OUTSIDE = {ROOT / "benchmarks/speed", ROOT / "benchmarks/refinement", ROOT / "benchmarks/training"}
SOURCES = [path for stage in STAGES for path in sorted((ROOT / stage).rglob("*.py")) if not OUTSIDE & set(path.parents)]


@cache
def imported(path: Path) -> frozenset[str]:
    """Full names of the modules a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_stages_import_only_what_is_above_them(path: Path) -> None:
    own = STAGES.index(path.relative_to(ROOT).parts[0])
    for name in imported(path):
        parts = name.split(".")
        assert parts[0] not in STAGES, f"{path}: bare import of {name}"
        if parts[0] == "culturepark" and len(parts) > 1 and parts[1] not in {"Study", "run", "estimate"}:
            assert parts[1] in STAGES[: own + 1], f"{path} imports {name}, which stands below it"


def importers(module: str) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in SOURCES if any(name.startswith(module) for name in imported(path))]


def test_only_the_group_chat_imports_autogen_teams() -> None:
    assert importers("autogen_agentchat.teams") == ["simulation/group_chat.py"]


def test_only_models_build_model_clients() -> None:
    assert importers("openai") == ["runtime/models/endpoint.py", "runtime/models/fine_tuning.py"]
    assert importers("xllamacpp") == ["runtime/models/server_process.py"]
    assert importers("sentence_transformers") == ["runtime/models/embedders.py", "runtime/models/nli.py"]


def test_held_out_answers_are_read_by_benchmarks_only() -> None:
    assert [
        path for path in importers("culturepark.personas.surveys.heldout") if not path.startswith("benchmarks/")
    ] == []


def test_developer_benchmarks_are_not_in_the_wheel() -> None:
    find = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]["find"]

    found = find_packages(str(ROOT / find["where"][0]), exclude=find["exclude"])

    assert sorted(name for name in found if name.startswith("culturepark.benchmarks")) == [
        "culturepark.benchmarks", "culturepark.benchmarks.dialogue", "culturepark.benchmarks.education",
        "culturepark.benchmarks.experiments", "culturepark.benchmarks.forgetting", "culturepark.benchmarks.harm",
        "culturepark.benchmarks.hofstede", "culturepark.benchmarks.knowledge", "culturepark.benchmarks.moderation",
        "culturepark.benchmarks.opinions",
    ]  # fmt: skip


def test_stage_links_are_committed_links() -> None:
    for stage in STAGES:
        link = ROOT / "src/culturepark" / stage
        if link.exists():
            assert link.is_symlink()
            assert link.readlink() == Path(f"../../{stage}")
