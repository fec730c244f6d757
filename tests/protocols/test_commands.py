"""`culturepark protocols …` as a user types it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from culturepark.protocols.conformance import CHECKS
from tests.conftest import ROOT

pytestmark = pytest.mark.integration

STUCK = """
from culturepark.protocols import Cue


class Stuck:
    def next_cue(self, scene):
        return Cue(scene.seats[len(scene.turns) % 2]) if len(scene.turns) < 3 else 1 / 0
"""


def protocols(*arguments: str, cwd: Path, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "culturepark", "protocols", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_try_prints_the_cues_as_a_table(tmp_path: Path) -> None:
    done = protocols("try", "interview", "--seats", "3", "--protocol-arg", "exchanges=1", cwd=tmp_path)

    assert done.stdout == (
        "turn\tspeaker\trole\theard by\tguidance\n"
        "0\tenglish_lily\tmain_contact\tthe speaker\tAsk Abdul, in one short question, what people at home think about making "
        "one's parents proud.\n"
        "1\tarabic_abdul\tdelegate\tthe speaker\tAnswer Lily plainly, with one detail from your family, town or work.\n"
    )
    assert done.stderr == "2 turns; the protocol ended the talk\n"


def test_try_shows_what_a_model_was_asked_and_where_it_stopped(tmp_path: Path) -> None:
    done = protocols("try", "selector", "--seats", "3", "--limit", "9", "--protocol-arg", "opener=2", cwd=tmp_path)

    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[0] == ["turn", "speaker", "role", "heard by", "guidance", "asked"]
    assert rows[1] == ["0", "arabic_abdul", "delegate", "-", "-", "-"]
    assert rows[2] == ["1", "english_lily", "main_contact", "-", "-", "model: Lily"]
    assert "model: Lily; the model named nobody who could go on; Ananya has spoken least" in [row[5] for row in rows]
    assert done.stderr == "9 turns; stopped at --limit 9\n"


def test_try_as_json(tmp_path: Path) -> None:
    found = json.loads(protocols("try", "free-chat", "--protocol-arg", "turns=2", "--json", cwd=tmp_path).stdout)

    silent = {"private": True, "guidance": None, "note": None, "asks": []}
    assert found == {
        "protocol": "free-chat",
        "args": {"turns": 2},
        "seats": 2,
        "ended": True,
        "turns": [
            {"turn": 0, "speaker": "english_lily", "role": "main_contact", **silent},
            {"turn": 1, "speaker": "arabic_abdul", "role": "delegate", **silent},
        ],
    }


def test_a_protocol_that_raises_is_one_line_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "stuck.py").write_text(STUCK)

    done = protocols("try", "./stuck.py:Stuck", cwd=tmp_path, expect=2)

    assert done.stderr == (
        "error: talk trial, turn 3: stuck.py:7: the protocol raised ZeroDivisionError: division by zero; mend it there\n"
    )


def test_check_lists_every_promise_and_exits_1_when_one_is_broken(tmp_path: Path) -> None:
    (tmp_path / "stuck.py").write_text(STUCK)

    kept = protocols("check", "debate", cwd=tmp_path)
    broken = protocols("check", "./stuck.py:Stuck", cwd=tmp_path, expect=1)
    found = json.loads(protocols("check", "./stuck.py:Stuck", "--json", cwd=tmp_path, expect=1).stdout)

    assert [line.split("\t")[:2] for line in kept.stdout.splitlines()[1:]] == [[check, "ok"] for check in CHECKS]
    assert kept.stderr == "12 trial talks, 136 turns, no model\n"
    assert broken.stdout.splitlines()[1] == (
        "cues\tFAILED\t2 seats\t3\tstuck.py:7: the protocol raised ZeroDivisionError: division by zero; mend it there"
    )
    assert [line.split("\t")[1] for line in broken.stdout.splitlines()[7:]] == ["no fault seen"] * 7 + ["not tried"]
    assert not found["conforms"]
    assert {check["check"]: check["passed"] for check in found["checks"]} == {
        **dict.fromkeys(CHECKS, True), "cues": False, "everywhere": None,
    }  # fmt: skip
    assert [one["cast"] for one in found["checks"][0]["broken"]] == [
        "2 seats", "2 seats, two men", "2 seats of one culture", "3 seats", "3 seats without stances", "5 seats",
    ]  # fmt: skip


def test_check_catches_an_order_that_changes_with_the_process(tmp_path: Path) -> None:
    (tmp_path / "sets.py").write_text(
        "from culturepark.protocols import Cue\n\n\nclass Sets:\n    def next_cue(self, scene):\n"
        "        left = {seat.id for seat in scene.seats} - {turn.speaker for turn in scene.turns}\n"
        "        return Cue(scene.seat(next(iter(left)))) if left else None\n"
    )

    (failed,) = [
        line.split("\t")
        for line in protocols("check", "sets.py:Sets", cwd=tmp_path, expect=1).stdout.splitlines()
        if "FAILED" in line
    ]

    assert failed[:3] == ["everywhere", "FAILED", "5 seats"]
    assert failed[4].startswith("two processes differ: one cues ")
    assert failed[4].endswith("; a set is ordered anew in each process, so go through scene.seats, or sort")


def test_show_prints_a_source_to_start_from(tmp_path: Path) -> None:
    shown = protocols("show", "debate", cwd=tmp_path).stdout
    (tmp_path / "mine.yaml").write_text(shown, encoding="utf-8")

    assert shown == (ROOT / "protocols/scripts/debate.yaml").read_text("utf-8")
    assert protocols("try", "./mine.yaml", cwd=tmp_path).stdout == protocols("try", "debate", cwd=tmp_path).stdout
    assert json.loads(protocols("show", "free-chat", "--json", cwd=tmp_path).stdout)["source"] == (
        ROOT / "protocols/free_chat.py"
    ).read_text("utf-8")


@pytest.mark.parametrize("command", ["try", "check"])
def test_no_framework_is_loaded_for_a_trial(command: str, tmp_path: Path) -> None:
    code = (
        f"import sys, runpy; sys.argv = ['culturepark', 'protocols', '{command}', 'selector']\n"
        "try: runpy.run_module('culturepark', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = {'autogen_core', 'langchain_core', 'torch', 'openai', 'sqlalchemy', 'numpy', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert done.stdout.splitlines()[-1] == "[]"
