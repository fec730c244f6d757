"""The built-in model for real: weights, server process, replies, and nothing left running."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from culturepark.pipeline import run
from culturepark.postprocess.judge import SAMPLING as JUDGE_SAMPLING
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.builtin import serve
from culturepark.runtime.models.embedders import SentenceEmbedder
from culturepark.runtime.models.opening import open_model
from culturepark.runtime.models.spec import parse_model
from culturepark.runtime.models.weights import fetch
from culturepark.runtime.request import Message, Request, Sampling
from culturepark.runtime.store import open_store
from culturepark.simulation.talks import load_transcripts
from culturepark.study import Study

SMALL = "builtin:smollm2-135m"
pytestmark = pytest.mark.slow


def test_a_served_model_talks_judges_and_stops(tmp_path: Path) -> None:
    message = Message(role="user", content="Name a color. Answer with one word.")

    async def main() -> int:
        store = open_store(tmp_path)
        async with open_model(parse_model(SMALL)) as opened:
            assert opened.served is not None
            pid = opened.served.pid
            ledger = Ledger(store, opened.endpoint)
            said = await ledger.complete(
                Request(messages=(message,), purpose="utterance", sampling=Sampling(max_tokens=12, dry_multiplier=0.8))
            )
            judged = await ledger.complete(
                Request(messages=(message,), purpose="verify", sampling=JUDGE_SAMPLING, labels=("Yes", "No", "Maybe"))
            )
        store.close()
        assert said.reply.text.strip()
        assert 0 < said.reply.tokens_out <= 12
        assert judged.reply.text in {"Yes", "No", "Maybe"}
        assert set(judged.reply.label_logprobs or {}) == {"Yes", "No", "Maybe"}
        return pid

    assert not psutil.pid_exists(asyncio.run(main()))


def test_the_server_does_not_outlive_a_killed_parent() -> None:
    code = textwrap.dedent(
        """
        import asyncio
        from culturepark.runtime.models.builtin import serve
        from culturepark.runtime.models.weights import fetch

        async def main():
            async with serve(fetch("smollm2-135m"), slots=1, context=512) as served:
                print(served.pid, flush=True)
                await asyncio.sleep(600)

        asyncio.run(main())
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)

    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()

    deadline = time.monotonic() + 20
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the model server outlived its parent"
        time.sleep(0.1)


def test_a_file_that_is_no_model_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF but not really")

    async def main() -> None:
        async with serve(path, slots=1, context=256):
            pass

    with pytest.raises(CultureParkError, match=r"^broken.gguf: the model server did not start \("):
        asyncio.run(main())


def test_the_embedder_tells_paraphrase_from_other_topics() -> None:
    vectors = SentenceEmbedder("all-minilm-l6-v2").encode(
        ["I want to make my parents proud.", "My goal is to make my mother and father proud.", "Rain fell all night."]
    )

    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.7
    assert vectors[0] @ vectors[2] < 0.3


def test_an_unknown_embedder_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(CultureParkError, match=r"cannot be loaded \(.*\); use all-minilm-l6-v2"):
        SentenceEmbedder(str(tmp_path / "empty")).encode(["text"])


def test_the_main_job_with_a_real_model(tmp_path: Path) -> None:
    study = Study.load(None, {"model": SMALL, "simulate": {"talks": 2, "protocol_args": {"turns": 4}}})

    first = run(study, tmp_path / "run")
    second = run(study, tmp_path / "run")

    assert (first.dialogues, first.turns, first.failed) == (2, 8, ())
    assert first.funnel is not None
    first.funnel.check()
    assert second.requests_sent == 0
    assert second.funnel == first.funnel
    assert fetch("smollm2-135m").name == "smollm2-135m.gguf"
    store = open_store(tmp_path / "run")
    for talk in load_transcripts(store):
        for seat in talk.seats:
            own = [turn for turn in talk.turns if turn.speaker == seat.id]
            for before, turn in itertools.pairwise(own):
                # Its slot holds the prompt before, but for the request for the line.
                assert turn.tokens_cached > 0.8 * before.tokens_in, (turn.index, turn.tokens_cached, before.tokens_in)
    store.close()
