"""`compare` on talks that were really held and refined: every figure is worked out again from what is stored."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from culturepark.benchmarks import compare, decompose, load_talks
from culturepark.benchmarks.statistics import holm
from culturepark.benchmarks.talk_metrics import METRICS
from culturepark.benchmarks.talks import RunTalks, shared_credit
from culturepark.pipeline import run
from culturepark.postprocess.tables import load_opinions, load_samples
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.store import open_store
from culturepark.simulation.talks import load_transcripts, save_plans, set_status
from culturepark.simulation.transcript import Parent, Transcript
from culturepark.study import Study
from tests.conftest import ROOT, Ended
from tests.stub_server import serving

STUDY: dict[str, Any] = {
    "model": "openai:stub",
    "simulate": {
        "cultures": ["arabic", "korean"],
        "questions": ["Q27", "Q38", "Q40"],
        "protocol_args": {"turns": 6},
        "talks": 6,
    },
    "vary": {"protocol": ["self-guidance", "free-chat"], "draw": [0, 1]},
}


@pytest.fixture(scope="module")
def factorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A refined run of 6 seeds, 2 protocols and 2 draws."""
    folder = tmp_path_factory.mktemp("factorial")
    os.environ.setdefault("OPENAI_API_KEY", "none")
    with serving() as stub:
        run(Study.model_validate({**STUDY, "base_url": stub.base_url}), folder)
    return folder


def loaded(folder: Path) -> RunTalks:
    store = open_store(folder, create=False)
    try:
        return load_talks(store)
    finally:
        store.close()


def stored(folder: Path) -> tuple[list[Transcript], list[Any], list[Any]]:
    store = open_store(folder, create=False)
    try:
        return load_transcripts(store), load_opinions(store), load_samples(store)
    finally:
        store.close()


def naive_parroting(talk: Transcript) -> float:
    """Plain English text: words between spaces, without full stops and commas."""
    hits = total = 0
    for turn in talk.turns:
        others = [other.text for other in talk.turns[: turn.index] if other.speaker != turn.speaker]
        known = {tuple(said[n : n + 4]) for text in others for said in [plain(text)] for n in range(len(said) - 3)}
        if others:
            mine = [tuple(plain(turn.text)[n : n + 4]) for n in range(len(plain(turn.text)) - 3)]
            hits += sum(gram in known for gram in mine)
            total += len(mine)
    return hits / total


def plain(text: str) -> list[str]:
    return re.sub(r"[.,!?]", "", text.lower()).split()


@pytest.mark.slow
def test_figures_are_those_of_the_stored_talks(factorial: Path) -> None:
    talks, opinions, samples = stored(factorial)
    found = compare(loaded(factorial), "protocol", metrics=("samples_per_1k_tokens", "parroting"), baseline="free-chat")

    pairs: dict[object, dict[str, Transcript]] = defaultdict(dict)
    for talk in talks:
        stances = tuple((seat.culture.id, seat.stance.code if seat.stance else None) for seat in talk.seats)
        pairs[talk.question.id, stances, talk.replicate, talk.factors["draw"]][talk.protocol.name] = talk
    assert len(pairs) == 12
    talk_of = {opinion.id: opinion.talk for opinion in opinions}
    cell = {talk.id: (talk.protocol.name, talk.factors["draw"]) for talk in talks}
    credit: Counter[str] = Counter()
    for sample in samples:
        speakers = {talk_of[opinion] for opinion in sample.opinions}
        for talk_id in speakers:
            credit[talk_id] += 1 / sum(cell[other] == cell[talk_id] for other in speakers)  # type: ignore[assignment]

    def yield_of(talk: Transcript) -> float:
        return 1000 * credit[talk.id] / sum(turn.tokens_in + turn.tokens_out for turn in talk.turns)

    assert sum(credit.values()) >= len(samples) > 0
    for row, measured in zip(found.rows, (yield_of, naive_parroting), strict=True):
        own = [measured(pair["self-guidance"]) for pair in pairs.values()]
        reference = [measured(pair["free-chat"]) for pair in pairs.values()]
        assert (row.value, row.baseline, row.pairs, row.questions) == ("self-guidance", "free-chat", 12, 3)
        assert row.mean == pytest.approx(np.mean(own))
        assert row.mean_baseline == pytest.approx(np.mean(reference))
        assert row.difference == pytest.approx(np.mean(own) - np.mean(reference))
        assert row.interval is not None
        assert row.interval.low <= row.difference <= row.interval.high
        sums = defaultdict(float)
        for (question, *_), mine, theirs in zip(pairs, own, reference, strict=True):
            sums[question] += mine - theirs
        flips = [
            abs(np.dot(signs, list(sums.values()))) for signs in np.array(np.meshgrid(*[[1, -1]] * 3)).T.reshape(-1, 3)
        ]
        assert row.p == pytest.approx(np.mean(np.array(flips) >= abs(sum(sums.values())) - 1e-12))
    assert [row.p_holm for row in found.rows] == pytest.approx(holm([row.p for row in found.rows]))
    assert (found.talks, found.unpaired, found.forks, found.unfinished) == (24, 0, 0, 0)
    assert found.notes == ("with 3 questions no p can be below 0.25: talk about more questions, and read the interval",)


@pytest.mark.slow
def test_forks_unfinished_and_lonely_talks_are_left_out_and_counted(factorial: Path) -> None:
    run_talks = loaded(factorial)
    store = open_store(factorial.parent / "more")
    talks = [held.talk for held in run_talks.held]
    lonely = talks[0]
    partners = [
        talk.id
        for talk in talks
        if talk.id != lonely.id and {k for k in talk.inputs if talk.inputs[k] != lonely.inputs.get(k)} == {"protocol"}
    ]
    kept = [talk for talk in talks if talk.id not in partners]
    fork = lonely.model_copy(update={"id": "t_fork", "parent": Parent(id=lonely.id, root=lonely.id, turn=0)})
    planned = lonely.model_copy(update={"id": "t_planned"})

    async def fill() -> None:
        await save_plans(store, [*kept, fork, planned])
        for talk in (*kept, fork):
            await set_status(store, talk.id, "complete")

    asyncio.run(fill())
    try:
        found = compare(load_talks(store), "protocol", metrics=("flagged_turns",))
    finally:
        store.close()

    assert len(partners) == 1
    assert (found.talks, found.unpaired, found.forks, found.unfinished) == (23, 1, 1, 1)
    assert found.rows[0].pairs == 0  # no turns were stored, so no share of them


@pytest.mark.slow
def test_the_spread_adds_up_and_names_its_factors(factorial: Path) -> None:
    (found,) = decompose(loaded(factorial), metrics=("parroting",))

    talks, *_ = stored(factorial)
    assert found.talks == 24
    assert found.mean == pytest.approx(np.mean([naive_parroting(talk) for talk in talks]))
    assert sum(part.share for part in found.components) == pytest.approx(1)
    counts = {part.factor: part.values for part in found.components}
    assert counts.pop("draw") == 24
    # Two cultures, and still their genders and main contacts can be told apart from them.
    assert counts == {
        "question": 3,
        "culture": 2,
        "main contact": 2,
        "seed": 6,
        "persona = name": 4,
        "protocol": 2,
        "interaction": 12,
    }


@pytest.mark.slow
def test_a_metric_without_values_is_left_open_with_the_reason(factorial: Path) -> None:
    nothing = loaded(factorial)._replace(unrefined="not refined", held=())

    headline, flagged = decompose(nothing, metrics=("samples_per_1k_tokens", "flagged_turns"))

    assert (headline.components, headline.note) == ((), "not refined")
    assert (flagged.components, flagged.note) == ((), "not defined in any talk")


@pytest.mark.slow
def test_people_of_a_culture_are_compared_with_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    people = {"arabic": ["arabic_abdul", "arabic_fatima"], "korean": ["korean_joon", "korean_haeun"]}
    with serving() as stub:
        changed = {**STUDY, "vary": {"persona": people}, "base_url": stub.base_url}
        run(Study.model_validate(changed), tmp_path / "run", stages=("simulate",))

    found = compare(loaded(tmp_path / "run"), "persona", metrics=("parroting",))

    assert [(row.value, row.baseline, row.pairs) for row in found.rows] == [
        ("arabic_fatima", "arabic_abdul", 3),
        ("korean_haeun", "korean_joon", 3),
    ]
    with pytest.raises(CultureParkError, match=r"^--baseline: no value of persona named 'joon'"):
        compare(loaded(tmp_path / "run"), "persona", metrics=("parroting",), baseline="joon")
    (comparison, unrefined) = (compare(loaded(tmp_path / "run"), "persona", metrics=("samples_per_1k_tokens",)), 0)
    assert [row.pairs for row in comparison.rows] == [unrefined, unrefined]
    assert comparison.notes[0] == (
        "samples_per_1k_tokens is left open: the run is not refined; `culturepark refine` counts its samples"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "write either --by protocol (or persona, model, language) or --decompose", id="neither"),
        pytest.param(
            ["--by", "protocol", "--decompose"],
            "write either --by protocol (or persona, model, language) or --decompose",
            id="both",
        ),
        pytest.param(
            ["--decompose", "--baseline", "x"],
            "--baseline belongs to --by; leave it out beside --decompose",
            id="baseline",
        ),
        pytest.param(
            ["--by", "model"],
            "{run}: every talk has the model 'openai:stub', so there is nothing to compare; hold the same talks with "
            "another model, for instance with `vary: {{model: [builtin, openai:my-model]}}` in the study",
            id="one-value",
        ),
        pytest.param(
            ["--by", "persona"],
            "{run}: no two talks differ in persona only (question, cultures, stances, replicate and all else must be "
            "equal), so nothing can be paired; hold the same talks with another persona, for instance with `vary: "
            "{{persona: {{arabic: [arabic_abdul, arabic_fatima]}}}}` in the study, which shares them",
            id="no-pairs",
        ),
        pytest.param(
            ["--by", "protocl"],
            "{run}: no factor named 'protocl'; did you mean 'protocol'? Known: draw, language, model, persona, protocol.",
            id="factor",
        ),
        pytest.param(
            ["--by", "protocol", "--metric", "flaged_turns"],
            "no metric named 'flaged_turns'; did you mean 'flagged_turns'? Known: flagged_turns, parroting, "
            "questions_asked, samples_per_1k_tokens, self_repetition, type_token_ratio.",
            id="metric",
        ),
        pytest.param(
            ["--by", "protocol", "--baseline", "debate"],
            "--baseline: no value of protocol named 'debate'. Known: free-chat, self-guidance.",
            id="baseline-value",
        ),
    ],
)
def test_mistakes_are_one_line(factorial: Path, typed: Callable[..., Ended], arguments: list[str], said: str) -> None:
    done = typed("compare", factorial, *arguments)

    assert done == (2, "", f"error: {said.format(run=factorial)}\n")


@pytest.mark.slow
def test_the_command_prints_a_table_and_json(factorial: Path, typed: Callable[..., Ended]) -> None:
    shown = typed("compare", factorial, "--by", "protocol")
    found = typed("compare", factorial, "--by", "protocol", "--json")

    assert (shown.code, found.code) == (0, 0)
    lines, rows = shown.out.splitlines(), json.loads(found.out)["rows"]
    assert lines[0] == "protocol: free-chat against self-guidance"
    assert lines[1].split("\t")[:4] == ["metric", "pairs", "free-chat", "self-guidance"]
    assert [line.split("\t")[0] for line in lines[2 : 2 + len(METRICS)]] == list(METRICS)
    assert [row["metric"] for row in rows] == list(METRICS)
    assert "24 talks, 24 of them in pairs that differ in protocol only; left out: 0 without a partner" in shown.out
    assert "Traceback" not in shown.err + found.err


def test_a_sample_counts_in_every_setting_that_said_it() -> None:
    class Said:
        def __init__(self, *opinions: str) -> None:
            self.opinions = opinions

    talk_of = {"o1": "A1", "o2": "A1", "o3": "A2", "o4": "B1", "o5": "B1"}
    settings = {"A1": "A", "A2": "A", "B1": "B", "B2": "B"}

    credit = shared_credit([Said("o1", "o2", "o3", "o4"), Said("o5")], talk_of, settings)  # type: ignore[list-item]

    assert credit == {"A1": 0.5, "A2": 0.5, "B1": 2, "B2": 0}


@pytest.mark.slow
def test_the_commands_of_the_document_run(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/compare.md").read_text("utf-8"), re.DOTALL)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with serving() as stub:
        environment = {**os.environ, "PATH": path, "SERVER": stub.base_url, "OPENAI_API_KEY": "none"}
        for block in blocks:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block],
                cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-2000:]

    rows = json.loads((tmp_path / "protocols.json").read_text("utf-8"))["rows"]
    assert {row["pairs"] for row in rows} == {32}
    assert [row["metric"] for row in json.loads((tmp_path / "components.json").read_text("utf-8"))] == list(METRICS)


def test_the_document_defines_every_metric() -> None:
    table = re.findall(
        r"^\| `(\w+)` \| .* \| (higher|lower|neither) \|$", (ROOT / "docs/compare.md").read_text("utf-8"), re.MULTILINE
    )

    assert table == [(name, metric.better) for name, metric in METRICS.items()]
