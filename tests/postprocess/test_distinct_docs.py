"""Every command of docs/distinct.md runs, in order; merging again needs no model; the audit adds up."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from culturepark.postprocess.distinct import DedupeSettings
from culturepark.postprocess.refine import RefineSettings
from culturepark.postprocess.tables import load_opinions, load_samples
from culturepark.runtime.store import open_store
from tests.conftest import ROOT
from tests.stub_server import serving

TEXT = (ROOT / "docs/distinct.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_commands_run_and_merging_again_embeds_nothing(tmp_path: Path) -> None:
    # Whoever loads an embedder after the first command fails.
    (tmp_path / "barred").mkdir()
    (tmp_path / "barred/sentence_transformers.py").write_text("raise RuntimeError('an embedder is loaded')\n")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    counts = []
    with serving() as stub:
        environment = {**os.environ, "PATH": path, "SERVER": stub.base_url, "OPENAI_API_KEY": "any"}
        for line in re.findall(
            r"^culturepark .*$", "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)), re.MULTILINE
        ):
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", line],
                cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240,
            )  # fmt: skip
            assert done.returncode == 0, f"{line}\n{done.stderr[-2000:]}"
            environment["PYTHONPATH"] = str(tmp_path / "barred")
            if "refine" in line or "culturepark run" in line:
                counts.append((stub.stats.requests, dict(re.findall(r"^(.*)\t(\d+)$", done.stdout, re.MULTILINE))))

    requests = [number for number, _ in counts]
    assert requests == [requests[0]] * 4
    funnels = [funnel for _, funnel in counts]
    assert funnels[3] == funnels[0]
    assert {funnel["verified opinions"] for funnel in funnels} == {funnels[0]["verified opinions"]}
    assert int(funnels[2]["samples"]) < int(funnels[0]["samples"])

    store = open_store(tmp_path / "runs/first", create=False)
    opinions, samples = load_opinions(store), load_samples(store)
    store.close()
    kept = {one.id for one in opinions if one.dropped is None}
    merged = [one for one in opinions if one.dropped == "merged"]
    assert sum(sample.mass for sample in samples) == len(kept) + len(merged)
    assert {one.kept for one in merged} <= kept
    audit = json.loads((tmp_path / "audit.json").read_text("utf-8"))
    assert {one["opinion"] for one in audit["removals"]} == {one.id for one in merged}
    assert sum(mix["counts"]["distinct"] for mix in audit["mixes"] if mix["question"] is None) == len(samples)
    assert (tmp_path / "map.png").stat().st_size > 10_000
    assert (tmp_path / "map.html").stat().st_size > 100_000


def test_the_settings_in_the_text_are_settings() -> None:
    found = [
        RefineSettings.model_validate(yaml.safe_load(text)["refine"])
        for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    ]

    assert [one.dedupe for one in found] == [
        DedupeSettings(method="threshold", min_cosine=0.85),
        DedupeSettings(method="kmeans", k=5, keep="medoid"),
    ]
