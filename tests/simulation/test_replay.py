"""Replay: plain text when piped, a pace and keys on a terminal, nothing that acts on it."""

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from culturepark.simulation.replay import Line, frames, play
from tests.commands import command
from tests.simulation.conftest import Held
from tests.simulation.test_diff import talk

ARABIC = talk((0, "Hello.\x1b[2J"), (1, "قهوة"), cues=("Greet.",), flags=("wrong_language",))


def test_a_piped_replay_is_the_whole_talk_as_plain_text(held: Held) -> None:
    found = held.talks()[0]

    text = command("transcripts", "replay", found.id, "--run", str(held.run))

    assert "\x1b" not in text
    for turn in found.turns:
        seat = found.seat(turn.speaker)
        assert f"{turn.index} {seat.name}, {seat.culture.people}" in text
        assert f"  {turn.text}\n" in text
        assert turn.cue is not None
        assert f"  (moderator: {turn.cue.guidance})\n" in text
    assert text.endswith("(end, 10 turns)\n")
    assert "moderator" not in command("transcripts", "replay", found.id, "--no-cues", "--run", str(held.run))


def test_names_and_flags_stand_apart_from_words_that_run_the_other_way() -> None:
    *_, last, end = frames(ARABIC, cues=True)

    assert [line[:2] for line in last.lines] == [
        ("speaker", "1 Fatima, Arabic-speaking  [wrong_language]"),
        ("text", "  قهوة"),
    ]
    assert end.lines[0].text == "(end, 2 turns)"


def test_a_turn_stands_as_long_as_it_takes_to_read() -> None:
    shown: list[Line] = []
    waited: list[float] = []
    play(talk((0, "x" * 90), (1, "x"), (0, "x" * 900)), cues=True, show=shown.append, wait=waited.append)

    assert [seconds for seconds in waited if seconds] == [3.0, 0.6, 8.0]


@pytest.mark.parametrize(("answers", "turns"), [([True, False], 1), ([False], 0), ([True] * 3, 2)])
def test_steps_go_on_or_quit(answers: list[bool], turns: int) -> None:
    shown: list[Line] = []
    keys = iter(answers)
    play(talk((0, "a"), (1, "b")), cues=False, show=shown.append, wait=lambda _: None, ask=lambda: next(keys))

    assert sum(line.kind == "speaker" for line in shown) == turns


@pytest.mark.slow
def test_on_a_terminal_keys_step_and_q_quits(held: Held) -> None:
    found = held.talks()[0]
    arguments = ["transcripts", "replay", found.id, "--step", "--run", str(held.run)]
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "culturepark", *arguments],
        stdin=slave, stdout=slave, stderr=slave, cwd=held.folder, env={**os.environ, "TERM": "xterm", "NO_COLOR": ""},
    )  # fmt: skip
    os.close(slave)
    with child:
        assert found.seats[-1].name in read_until_quiet(master)
        for turn in found.turns[:2]:
            os.write(master, b"\r")
            seen = read_until_quiet(master)
            assert "\x1b[2m" in seen
            assert "moderator" in seen
            assert turn.text.split()[-1] in seen
        os.write(master, b"q")
        assert child.wait(timeout=10) == 0
    os.close(master)


def read_until_quiet(master: int) -> str:
    """Read what a terminal shows until it waits: keys pressed before that are thrown away."""
    seen = ""
    while select.select([master], [], [], 1.0 if seen else 20.0)[0]:
        seen += os.read(master, 65536).decode(errors="replace")
    return seen


def test_the_shared_selection_narrows_every_command(held: Held, tmp_path: Path) -> None:
    run = ("--run", str(held.run))
    first, second = held.talks()
    command("transcripts", "fork", first.id, "--at", "2", "--protocol", "free-chat", "--protocol-arg", "turns=4", *run)

    def listed(*options: str) -> list[str]:
        return [row.split("\t")[0] for row in command("transcripts", "list", *run, *options).splitlines()[1:]]

    fork = next(talk.id for talk in held.talks() if talk.parent)
    assert listed() == [first.id, fork, second.id]
    assert listed("--protocol", "free-chat") == [fork]
    assert listed("--limit", "2") == [first.id, fork]
    assert listed("--status", "failed,planned") == []
    assert listed("--question", "wvs7:Q27,Q28") == [first.id, fork, second.id]
    assert listed("--culture", "spanish") == []
    command("transcripts", "export", "--out", str(tmp_path / "one.jsonl"), "--protocol", "free-chat", *run)
    assert len((tmp_path / "one.jsonl").read_text("utf-8").splitlines()) == 1
    assert command("transcripts", "show", *run, "--protocol", "free-chat").startswith(f"talk {fork}  ")
    assert command("transcripts", "verify", "--all", "--limit", "1", *run) == f"talk {first.id}: holds, 10 turns\n"
