"""Every block of docs/personas.md runs, in order, in one folder, against a scripted model behind a real server."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from culturepark.personas.casting import STANCES
from culturepark.personas.culture import Culture
from culturepark.personas.lint import lint
from culturepark.personas.persona import Persona
from culturepark.personas.surveys.survey import load_survey
from culturepark.runtime.store import open_store
from culturepark.simulation.talks import load_transcripts
from culturepark.simulation.transcript import Transcript
from tests.conftest import ROOT
from tests.personas.wvs_sheet import write_wvs
from tests.stub_server import serving

TEXT = (ROOT / "docs/personas.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)


def talks_of(run: Path) -> list[Transcript]:
    store = open_store(run, create=False)
    try:
        return load_transcripts(store)
    finally:
        store.close()


@pytest.mark.slow
def test_the_blocks_run(tmp_path: Path) -> None:
    sheet = write_wvs(tmp_path / "official.csv", {"GRC": 300, "USA": 300, "TUR": 100})
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    printed = []
    with serving() as stub:
        environment = {**os.environ, "PATH": path, "SERVER": stub.base_url, "WVS": str(sheet)}
        for code in BLOCKS:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", code],
                cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240,
            )  # fmt: skip
            assert done.returncode == 0, f"{code}\n{done.stderr[-2000:]}"
            printed.append(done.stdout)
    assert len(BLOCKS) == 8
    assert "a small tailor's shop in İzmir" in printed[1]
    assert {seat.id for talk in talks_of(tmp_path / "runs/turkish") for seat in talk.seats} == {
        "english_jack", "english_lily", "turkish_ayse", "turkish_mehmet", "turkish_zeynep",
    }  # fmt: skip
    assert json.loads(printed[3][printed[3].index("{") :])["varied"] == {"age": 60, "home": "İzmir"}
    assert "--culture greek,turkish --question wvs7:Q" in printed[4]
    for run, chosen in (("greek", "sampled"), ("alike", "sampled"), ("joint", "respondent")):
        stances = [seat.stance for talk in talks_of(tmp_path / "runs" / run) for seat in talk.seats]
        assert [stance.chosen for stance in stances if stance] == [chosen] * 4
        assert {stance.gender_basis for stance in stances if stance} == {
            "answers by sex" if run == "alike" else "name cue only"
        }
        assert {stance.weighted for stance in stances if stance} == {True}
    assert "% of those with sex=female" in printed[5]
    assert printed[7].splitlines() == ["0 error(s), 0 warning(s)", "0 error(s), 0 warning(s)"]
    assert lint([tmp_path / "people", tmp_path / "ages"], load_survey("wvs7")) == ()


def test_the_tables_name_every_field_and_every_stance() -> None:
    rows = " ".join(line.split("|")[1] for line in TEXT.splitlines() if line.startswith("| `"))

    assert {*Culture.model_fields, *Persona.model_fields} - {"culture", "variant_of", "varied"} <= set(
        re.findall(r"`(\w+)`", rows)
    )
    assert set(STANCES) <= set(re.findall(r"`(\w+)`", rows))
