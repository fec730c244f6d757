"""What pages show, made without a browser."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturepark.benchmarks.results import save_result
from culturepark.benchmarks.task import BenchSettings, Counts, SuiteResult, Table
from culturepark.postprocess.opinion import Opinion
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.read_only import is_run, looking, stamp
from culturepark.runtime.store import Base, open_store
from culturepark.simulation.talk_rows import TalkRow
from culturepark.studio.design import save, try_script
from culturepark.studio.folder import Folder
from culturepark.studio.forking import wishes
from culturepark.studio.keys import Keys
from culturepark.studio.meters import Reading, readings
from culturepark.studio.page import Page, Visit, address, menu
from culturepark.studio.palette import CULTURES, SPARE, slot
from culturepark.studio.tags import shown
from culturepark.studio.transcript import direction, segments
from culturepark.studio.words import amount, money, protocol_name


def opinion(start: int, end: int, text: str, *, verdict: str | None = "entail") -> Opinion:
    return Opinion.model_validate(
        {
            "id": f"o_{start}_{end}", "text": text[start:end], "quote": text[start:end], "start": start, "end": end,
            "talk": "t", "turn": 0, "speaker": "turkish_mehmet", "culture": "turkish", "country": "TUR",
            "question": "wvs7:Q27", "stance": None, "about": "own", "verdict": verdict,
        }
    )  # fmt: skip


def test_quotes_are_cut_out_where_they_stand() -> None:
    text = "Well. Family comes first. Always."

    found = segments(text, [opinion(6, 25, text), opinion(26, 33, text, verdict=None)])

    assert [(part.text, part.mark) for part in found] == [
        ("Well. ", None), ("Family comes first.", "entail"), (" ", None), ("Always.", "unjudged"),
    ]  # fmt: skip


@given(st.text(min_size=1, max_size=40), st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=6))
def test_no_character_is_lost_or_said_twice(text: str, spans: list[tuple[int, int]]) -> None:
    opinions = [opinion(min(pair), max(pair), text) for pair in spans]

    found = segments(text, opinions)

    assert "".join(part.text for part in found) == shown(text)


def test_what_would_act_on_a_page_or_terminal_is_made_visible() -> None:
    assert shown("a\x1b[31mred\u202egnirts") == "a\\x1b[31mred\\x202egnirts"
    assert shown("two\nlines") == "two\nlines"


@pytest.mark.parametrize(
    ("language", "expected"), [("ar", "rtl"), ("ar-JO", "rtl"), ("fa", "rtl"), ("en", "auto"), ("tr", "auto")]
)
def test_arabic_runs_from_right_to_left(language: str, expected: str) -> None:
    assert direction(language) == expected
    assert direction(language, "Merhaba!") == "auto"


def test_a_culture_has_one_colour_and_own_ones_have_spare_colours() -> None:
    assert [slot(culture) for culture in CULTURES] == list(range(9))
    assert {slot(f"culture{number}") for number in range(200)} == set(range(9, 9 + SPARE))


def test_addresses_are_quoted_and_empty_words_left_out() -> None:
    assert address("/run/{run}/talk/{talk}", run="a b/c", talk="t_1") == "/run/a%20b%2Fc/talk/t_1"
    assert address("/x", query={"text": "a&b", "page": 2, "culture": ""}) == "/x?text=a%26b&page=2"


def test_numbers_as_a_page_writes_them() -> None:
    assert [amount(7), amount(1234567)] == ["7", "1\u202f234\u202f567"]
    assert [money(None), money(0), money(0.0042), money(3.14159)] == ["price unknown", "$0", "$0.0042", "$3.14"]
    assert protocol_name("/home/ada/interview.py:Interview") == "interview.py:Interview"


def test_the_menu_leads_to_the_run_that_is_open(tmp_path: Path) -> None:
    pages = (Page("/", "Runs", "runs", key="r"), Page("/run/{run}/x", "X", "x", key="x"), Page("/y", "Y", "y"))
    for name in ("one", "two"):
        open_store(tmp_path / name).close()
    folder = Folder(tmp_path)

    links = menu(pages, Visit(folder, {"run": "one"}, {}), pages[1])

    assert [(link.href, link.current) for link in links] == [("/", False), ("/run/one/x", True)]
    assert [link.href for link in menu(pages, Visit(Folder(tmp_path / "one"), {}, {}), pages[0])] == ["/", "/run/one/x"]


@pytest.mark.parametrize("name", ["../one", "one/..", "", "three"])
def test_only_runs_of_the_folder_are_opened(tmp_path: Path, name: str) -> None:
    open_store(tmp_path / "runs" / "one").close()

    with pytest.raises(CultureParkError, match="no run named"):
        Folder(tmp_path / "runs").run(name)


def test_a_form_that_changes_nothing_wishes_nothing() -> None:
    wished = wishes(3, personas={"turkish_ayse": "turkish_ayse"}, say="as it was", said="as it was")

    assert wished.model_dump(exclude_defaults=True) == {"at": 3}


def test_a_form_becomes_wishes() -> None:
    wished = wishes(
        2, protocol="debate", arguments="turns=6 opener=delegate", personas={"a": "b"}, say="No.", said="Yes."
    )

    assert wished.model_dump(exclude_defaults=True) == {
        "at": 2, "protocol": "debate", "protocol_args": {"turns": 6, "opener": "delegate"}, "personas": {"a": "b"},
        "say": "No.",
    }  # fmt: skip


def test_looking_makes_no_file_and_reads_a_run_of_before_a_stage(tmp_path: Path) -> None:
    store = open_store(tmp_path / "run")
    with store.session() as session:
        session.connection().exec_driver_sql("DROP TABLE opinions")
    store.close()
    before = sorted(path.name for path in (tmp_path / "run").iterdir())

    with looking(tmp_path / "run") as found, found.engine.connect() as connection:
        counts = [connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar() for name in Base.metadata.tables]
        with pytest.raises(Exception, match="readonly"):
            connection.exec_driver_sql("DELETE FROM talks")

    assert set(counts[:-1]) == {0, 1} or set(counts) == {0, 1}
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before
    assert is_run(tmp_path / "run")
    assert TalkRow.__tablename__ == "talks"


def test_what_is_written_meanwhile_is_seen(tmp_path: Path) -> None:
    store = open_store(tmp_path / "run")
    row = {
        "run_id": "run",
        "id": "t_1",
        "position": 0,
        "question": "",
        "cultures": "",
        "protocol": "",
        "status": "planned",
        "reason": None,
        "plan": {},
    }
    with store.session() as session:
        session.add(TalkRow(**row))

    with looking(tmp_path / "run") as found, found.session() as session:
        assert session.query(TalkRow).count() == 1
    store.close()


def test_a_script_is_tried_and_its_mistakes_are_named() -> None:
    script = 'name: short\nrounds:\n  - {speaker: everyone, guidance: "Say one thing about {topic}."}\n'

    tried = try_script(script, seats=2)

    assert [(cue.turn, cue.culture, cue.heard_by) for cue in tried.cues] == [
        (0, "english", "the speaker"), (1, "arabic", "the speaker"),
    ]  # fmt: skip
    assert tried.ended
    with pytest.raises(CultureParkError, match=r"^the script:4: expected"):
        try_script(script.replace("{speaker", "{{speaker:", 1), seats=2)
    with pytest.raises(CultureParkError, match="takes no argument 'turns'; it takes: opener"):
        try_script(script, seats=2, arguments="turns=4")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "Name", "x.yaml"])
def test_texts_are_saved_under_plain_names_only(tmp_path: Path, name: str) -> None:
    with pytest.raises(CultureParkError, match="cannot name a file here"):
        save(tmp_path, name, "a: 1")
    assert list(tmp_path.iterdir()) == []


def test_meters_of_bench_dialogue_stand_beside_opinions(tmp_path: Path) -> None:
    store = open_store(tmp_path / "run")
    drift = Table(
        title="drift",
        columns=("talk", "turn", "seat", "meter", "value", "distance"),
        rows=(
            ("t_1", -1, "turkish_ayse", "near", 0.5, None),
            ("t_1", 1, "turkish_ayse", "told", 1.0, 0.25),
            ("t_1", 3, "turkish_ayse", "told", 0.0, 1),
            ("t_1", 3, "turkish_ayse", "heard", None, None),
            ("t_2", 1, "turkish_ayse", "near", 0.5, 0.5),
        ),
    )
    result = SuiteResult(
        suite="dialogue", version=1, model="openai:stub", identity="openai:stub", settings=BenchSettings(),
        counts=Counts(), scores=(), tables=(drift,),
    )  # fmt: skip
    save_result(store, result)
    store.close()

    found = readings(tmp_path / "run", stamp(tmp_path / "run"))

    assert found == {
        "t_1": (Reading(1, "turkish_ayse", "told", 0.25), Reading(3, "turkish_ayse", "told", 1.0)),
        "t_2": (Reading(1, "turkish_ayse", "near", 0.5),),
    }


def test_a_lessons_ticket_is_of_one_run_and_one_start() -> None:
    keys = Keys("all")

    assert keys.run_of(keys.ticket("a b:c/ü")) == "a b:c/ü"
    assert keys.run_of(keys.ticket("one").replace("one", "two")) is None
    assert Keys("all").run_of(keys.ticket("one")) is None
    assert [keys.run_of(forged) for forged in ("", ":", "one", "one:", "one:ü")] == [None] * 5
    assert (keys.opens_all("all"), keys.opens_all(keys.of_lesson("one")), Keys().opens_all("")) == (True, False, False)
    assert keys.invitation("a b") == f"/lesson/a%20b?token={keys.of_lesson('a b')}"
