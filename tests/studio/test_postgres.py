"""A run whose rows are in PostgreSQL: every page reads it, and what is written meanwhile is seen at once."""

import re
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from culturepark.postprocess.annotate.sheet import COLUMNS
from culturepark.postprocess.annotate.tables import load_draft
from culturepark.postprocess.spreadsheet import read_csv
from culturepark.postprocess.tables import load_samples
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.read_only import looking, stamp
from culturepark.runtime.store import Base, open_store
from culturepark.simulation.talk_rows import TalkRow
from culturepark.simulation.talks import load_transcripts
from culturepark.studio.overview import Overviews
from culturepark.studio.pages.annotate import KEYS
from tests.commands import command
from tests.postprocess.conftest import answer
from tests.stub_server import serving
from tests.studio.conftest import STUDY, Running, start, stop
from tests.studio.test_annotate import SAID
from tests.studio.test_annotate import sheet as draw_sheet

PASSWORD = "canary-7713"
TALKS = 4


class Shared(NamedTuple):
    """A studio on a folder in which `quickstart` has its rows elsewhere."""

    running: Running
    talk: str
    sample: str


@pytest.fixture(scope="module")
def password() -> Iterator[None]:
    """As a user gives it: the folder does not keep it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", PASSWORD)
        yield


@pytest.fixture(scope="module")
def shared(postgres: str, password: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    folder = tmp_path_factory.mktemp("shared")
    run = folder / "runs" / "quickstart"
    with serving(answer=answer, logprobs=False) as stub:
        (folder / "study.yaml").write_text(STUDY.format(url=stub.base_url), encoding="utf-8")
        command("simulate", folder / "study.yaml", "--run", run, "--store", postgres, "--limit", TALKS)
        command("refine", "--all", "--run", run)
        with closing(open_store(run, create=False)) as store:
            talk, sample = load_transcripts(store)[0].id, load_samples(store)[0].id
        running = start(folder / "runs", stub)
        yield Shared(running, talk, sample)
        stop(running)


def page(shared: Shared, path: str) -> str:
    """What the server sends for a page; texts stand in it as JSON."""
    with urllib.request.urlopen(f"{shared.running.url}{path}") as reply:
        return str(reply.read().decode())


@pytest.fixture
def own_database(postgres: str, password: None, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database of one test's own."""
    engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    name = re.sub(r"\W", "_", request.node.name)[:40]
    with engine.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    yield str(sa.make_url(postgres).set(database=name).render_as_string(hide_password=False))
    with engine.connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
    engine.dispose()


def test_a_run_of_before_a_stage_is_read_and_nothing_can_be_written(tmp_path: Path, own_database: str) -> None:
    run = tmp_path / "run"
    with closing(open_store(run, url=own_database)) as store, store.session() as session:
        session.connection().exec_driver_sql("DROP TABLE opinions")

    with looking(run) as found, found.engine.connect() as connection:
        counts = [connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar() for name in Base.metadata.tables]
        with pytest.raises(sa.exc.InternalError, match="read-only transaction"):
            connection.exec_driver_sql("DELETE FROM talks")
    (overview,) = Overviews().of({"run": run})

    assert sorted(counts) == [0] * (len(counts) - 1) + [1]  # the one row is the schema's version
    assert (overview.state, overview.opinions) == ("empty", 0)


def test_the_stamp_changes_with_what_is_written_and_not_with_looking(tmp_path: Path, own_database: str) -> None:
    run = tmp_path / "run"
    with closing(open_store(run, url=own_database)) as store:
        before = stamp(run)
        with looking(run) as found, found.session() as session:
            assert session.query(TalkRow).count() == 0
        looked = stamp(run)
        words = {"question": "", "cultures": "", "protocol": "", "status": "planned", "reason": None, "plan": {}}
        with store.session() as session:
            session.add(TalkRow(run_id=store.run_id, id="t_1", position=0, **words))

        assert (looked == before, stamp(run) == before) == (True, False)


def test_a_server_that_is_gone_is_one_card_and_not_the_end(tmp_path: Path, own_database: str) -> None:
    run = tmp_path / "run"
    open_store(run, url=own_database).close()
    place = run / "store.url"
    place.write_text(re.sub(r":\d+/", ":9/", place.read_text("utf-8")), encoding="utf-8")

    (overview,) = Overviews().of({"run": run})

    assert overview.state == "unreadable"
    assert overview.problem is not None
    assert overview.problem.startswith(f"{run}: the database cannot be used (")
    with pytest.raises(CultureParkError, match="cannot be used"):
        stamp(run)


@pytest.mark.slow
def test_every_page_reads_it(shared: Shared) -> None:
    run, talk = "/run/quickstart", shared.talk
    shown = {
        "/": f'"{TALKS}"',
        f"{run}/dialogues": f"{TALKS} talks",
        f"{run}/dialogues?text=MY+MOTHER&culture=turkish": "MY MOTHER",
        f"{run}/talk/{talk}": talk,
        f"{run}/sample/{shared.sample}": "blockquote",
        f"{run}/diff?a={talk}&b={talk}": talk,
        f"{run}/opinions": "Laying out the opinions",
        f"{run}/results": "No benchmark was run here yet.",
        f"{run}/annotate": "samples annotate sheet",
        f"{run}/classroom": "No classroom is set up in this run.",
        "/design": "rounds",
    }

    missing = {path: words for path, words in shown.items() if words not in page(shared, path)}
    refused = [path for path in shown if '"refused"' in page(shared, path)]

    assert (missing, refused) == ({}, [])


@pytest.mark.slow
def test_a_fork_and_ratings_are_kept_there_and_shown_at_once(shared: Shared, tab: Any, tmp_path: Path) -> None:
    url, run = f"{shared.running.url}/run/quickstart", shared.running.run
    assert f"{TALKS} talks" in page(shared, "/run/quickstart/dialogues")

    tab.goto(f"{url}/talk/{shared.talk}")
    tab.get_by_role("button", name="Fork at turn 3").click()
    tab.get_by_label("Protocol").select_option("free-chat")
    tab.get_by_label("Its arguments").fill("turns=5")
    tab.get_by_role("button", name="Run the fork").click()
    tab.get_by_role("link", name="Compare the two").wait_for()
    tab.wait_for_function("document.querySelectorAll('.turn').length === 5")
    assert f"{TALKS + 1} talks" in page(shared, "/run/quickstart/dialogues")

    tab.goto(f"{url}/opinions")
    tab.get_by_text("verified opinions").wait_for()

    sheet = draw_sheet(run, tmp_path / "sheets")
    rows = read_csv(tmp_path / "sheets" / "anna.csv", COLUMNS)
    tab.goto(f"{url}/annotate?sheet={sheet}&rater=anna")
    tab.get_by_role("heading", name="Row 1 of").wait_for()
    for column, word in SAID[rows[0]["kind"]].items():
        tab.keyboard.press(KEYS[column][word])
    tab.keyboard.press("Enter")
    tab.get_by_role("heading", name="Row 2 of").wait_for()

    with closing(open_store(run, create=False)) as store:
        assert len(load_draft(store, sheet, "anna")) == 1
