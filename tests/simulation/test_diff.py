"""Two talks compared: which turns stand for each other, which words differ, and how that is shown."""

import re
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from culturepark.personas.roster import load_roster
from culturepark.personas.seat import Seat
from culturepark.protocols.turn import Flag, SpokenCue, Turn
from culturepark.simulation.annotations import Annotation
from culturepark.simulation.diff import TalkDiff, compare_words, diff_talks
from culturepark.simulation.diff_html import diff_html
from culturepark.simulation.diff_text import Line, diff_lines, marked
from culturepark.simulation.transcript import ProtocolUsed, Transcript
from tests.commands import command, document
from tests.simulation.conftest import Held

Said = tuple[int, str]


def talk(
    *said: Said,
    name: str = "t_a",
    cues: tuple[str, ...] = (),
    flags: tuple[Flag, ...] = (),
    protocol: str = "free-chat",
) -> Transcript:
    """Lily (0) and Fatima (1) talk; `flags` are those of the last turn."""
    roster = load_roster()
    roles: tuple[Literal["main_contact", "delegate"], ...] = ("main_contact", "delegate")
    people = [roster.personas["english_lily"], roster.personas["arabic_fatima"]]
    seats = tuple(
        Seat(persona=person, culture=roster.cultures[person.culture], role=role, stance=None)
        for person, role in zip(people, roles, strict=True)
    )
    turns = tuple(
        Turn(
            index=index,
            speaker=seats[place].id,
            text=text,
            cue=SpokenCue(guidance=cues[index]) if index < len(cues) else None,
            finish_reason="stop",
            model="m",
            flags=flags if index == len(said) - 1 else (),
        )
        for index, (place, text) in enumerate(said)
    )
    return Transcript(
        id=name, question=None, language="en", model="m", protocol=ProtocolUsed(name=protocol, sha256=""),
        status="complete", seats=seats, turns=turns, inputs={},
    )  # fmt: skip


def text_of(diff: TalkDiff) -> list[str]:
    return [marked(line) for line in diff_lines(diff)]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("I like tea.", "I like tea.", "I like tea."),
        ("I like tea.", "I like coffee.", "I like [-tea-]{+coffee+}."),
        ("I like black tea a lot", "I like strong coffee a lot", "I like [-black tea-]{+strong coffee+} a lot"),
        ("Yes, often.", "Yes often!", "Yes[-,-] often[-.-]{+!+}"),
        ("", "new", "{+new+}"),
        ("old", "", "[-old-]"),
        ("我喜欢喝绿茶。", "我喜欢喝红茶。", "我喜欢喝[-绿-]{+红+}茶。"),
        ("나는 차를 좋아해요.", "나는 커피를 좋아해요.", "나는 [-차를-]{+커피를+} 좋아해요."),
        ("أحب الشاي كثيرا.", "أحب القهوة كثيرا.", "أحب [-الشاي-]{+القهوة+} كثيرا."),
        ("আমি চা ভালোবাসি।", "আমি কফি ভালোবাসি।", "আমি [-চা-]{+কফি+} ভালোবাসি।"),
    ],
)
def test_words_are_compared_and_chinese_characters(a: str, b: str, expected: str) -> None:
    assert marked(Line(compare_words(a, b))) == expected


@settings(max_examples=200, deadline=None)
@given(a=st.text(max_size=60), b=st.text(max_size=60))
def test_the_pieces_give_both_texts_back(a: str, b: str) -> None:
    pieces = compare_words(a, b)

    assert "".join(piece.text for piece in pieces if piece.op != "b") == a
    assert "".join(piece.text for piece in pieces if piece.op != "a") == b


@pytest.mark.parametrize(
    ("a", "b", "pairs"),
    [
        pytest.param([(0, "Hi."), (1, "Yes.")], [(0, "Hi."), (1, "No.")], [(0, 0), (1, 1)], id="edited"),
        pytest.param([(0, "Hi."), (1, "Yes.")], [(0, "Hi.")], [(0, 0), (1, None)], id="shorter"),
        pytest.param(
            [(0, "Hi."), (1, "Yes, we cook.")], [(0, "Hi."), (0, "Still there?"), (1, "Yes, we cook.")],
            [(0, 0), (None, 1), (1, 2)], id="one-more-in-between",
        ),
        pytest.param([(0, "Hi.")], [(1, "Hi.")], [(0, None), (None, 0)], id="another-seat-is-never-paired"),
        pytest.param([], [(0, "Hi.")], [(None, 0)], id="empty"),
    ],
)  # fmt: skip
def test_turns_are_aligned_by_seat_and_words(
    a: list[Said], b: list[Said], pairs: list[tuple[int | None, int | None]]
) -> None:
    assert [(pair.a, pair.b) for pair in diff_talks(talk(*a), talk(*b)).pairs] == pairs


A = talk((0, "Hello."), (1, "I like <b>tea</b>."), cues=("Greet.", "Answer."))
B = talk(
    (0, "Hello."), (1, "I like قهوة\x1b[31m."), name="t_b", cues=("Greet.", "Doubt."), flags=("wrong_language",),
    protocol="debate",
)  # fmt: skip
FOUND = {1: [Annotation(talk="t_a", turn=1, text="I like tea.", label="entail")]}


def test_the_terminal_shows_marks_when_piped() -> None:
    diff = diff_talks(A, B, found_a=FOUND)

    assert text_of(diff) == [
        "a t_a  b t_b",
        "question: -",
        "protocol: [-free-chat-]{+debate+}",
        "model: m",
        "  Lily (the United States): no stance",
        "  Fatima (Jordan): no stance",
        "the first turn is the same",
        "      (moderator: [-Answer-]{+Doubt+}.)",
        "  1/1 Fatima: I like [-<b>tea</b>-]{+قهوة\x1b[31m+}.",
        "      - entail: I like tea.",
        "      + flags: wrong_language",
    ]


def test_the_page_is_one_file_that_escapes_everything_and_loads_nothing() -> None:
    page = diff_html(diff_talks(A, B, found_a=FOUND))

    assert "<b>" not in page
    assert (
        '<div dir="auto"><span>I like </span><del>&lt;b&gt;tea&lt;/b&gt;</del><ins>قهوة\x1b[31m</ins><span>.</span></div>'
        in page
    )
    assert '<div class="found" dir="auto"><del>entail: I like tea.</del></div>' in page
    assert "<details><summary>The first turn is the same</summary>" in page
    assert "default-src 'none'" in page
    assert re.findall(r"https?:|src=|href=|<script|@import|url\(", page) == []


def test_a_talk_and_itself_differ_in_nothing() -> None:
    diff = diff_talks(A, A)

    assert diff.shared == len(diff.pairs) == 2
    assert text_of(diff)[-2:] == [
        "the first 2 turns are the same",
        "no turn differs",
    ]
    assert "<p>No turn differs.</p>" in diff_html(diff)


@pytest.mark.slow
def test_a_fork_is_compared_with_its_parent_and_refined_opinions_join_in(held: Held, tmp_path: Path) -> None:
    run = ("--run", str(held.run))
    parent = held.talks()[0]
    fork = document("transcripts", "fork", parent.id, "--at", "6", "--say", "My family left before dawn.", *run)
    command("refine", "--all", *run)

    found = document("transcripts", "diff", parent.id, fork["id"], *run, "--html", str(tmp_path / "d.html"))

    assert found["shared"] == 6
    assert (
        "".join(piece["text"] for piece in found["pairs"][6]["text"] if piece["op"] != "a")
        == "My family left before dawn."
    )
    read = [pair["opinions"] for pair in found["pairs"][6:]]
    assert any(opinions["a"] for opinions in read)
    assert any(opinions["b"] for opinions in read)
    assert (tmp_path / "d.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    text = command("transcripts", "diff", parent.id, fork["id"], *run)
    assert "the first 6 turns are the same\n" in text
    assert "\x1b" not in text
