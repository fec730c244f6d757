"""Work travels without the store, the ledgers and the keys; they are found again where it arrives."""

import asyncio
from pathlib import Path

import pytest

from culturepark.protocols.catalogue import load_protocol
from culturepark.runtime.ledger import Door, Ledger
from culturepark.runtime.models.endpoint import Endpoint
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.pacing import LimitSettings
from culturepark.runtime.request import Message, Request, Sampling
from culturepark.runtime.store import Store, open_store
from tests.stub_server import StubServer

pytest.importorskip("ray", reason="Ray is not on this machine")


def test_work_finds_the_store_and_the_ledgers_of_where_it_arrives(
    stub: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from culturepark.runtime.engines.packing import pack, unpack

    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-3301")

    async def main() -> None:
        home, there = open_store(tmp_path / "home"), open_store(tmp_path / "there")
        limits = LimitSettings(attempts=2)
        endpoint = Endpoint(identity="openai:stub", model="stub", base_url=stub.base_url, dialect="compatible")
        ledger = Ledger(home, endpoint, limits=limits)
        model = LedgerChatModel(ledger=ledger, purpose="verify", sampling=Sampling())

        async def work(text: str) -> tuple[Store, str, str]:
            request = Request(messages=(Message(role="user", content=text),), purpose="utterance")
            said = await ledger.complete(request)
            return home, said.reply.text, model.ledger.identity

        packed = pack(work)
        assert b"canary" not in packed

        opened: list[Door] = []

        def open_ledger(door: Door) -> Ledger:
            opened.append(door)
            return Ledger(there, door.endpoint, limits=door.limits)

        arrived = unpack(packed, store=there, ledger=open_ledger)
        store, text, identity = await arrived("Hello")
        assert store is there
        assert text
        assert identity == "openai:stub"
        assert {(door.identity, door.limits) for door in opened} == {("openai:stub", limits)}
        assert opened[0].endpoint is not endpoint
        for made in (endpoint, *(door.endpoint for door in opened)):
            assert made is not None
            await made.close()
        for one in (home, there):
            one.close()

    asyncio.run(main())


def test_a_protocol_given_by_path_travels_as_its_source(tmp_path: Path) -> None:
    import pickle

    file = tmp_path / "mine.py"
    file.write_text(
        "class Never:\n    def next_cue(self, scene):\n        return None\n\n    def said(self):\n        return 'mine'\n",
        encoding="utf-8",
    )
    loaded = load_protocol(f"{file}:Never")
    written = pickle.dumps(loaded)
    file.unlink()

    arrived = pickle.loads(written)

    assert arrived.protocol is not loaded.protocol
    assert arrived.protocol.said() == "mine"
    assert arrived[1:] == loaded[1:]


@pytest.mark.parametrize("name", ["free-chat", "interview"])
def test_an_installed_protocol_travels_by_its_name(name: str) -> None:
    import pickle

    loaded = load_protocol(name)

    arrived = pickle.loads(pickle.dumps(loaded))

    assert loaded.source is None
    assert arrived[1:] == loaded[1:]
    assert type(arrived.protocol) is type(loaded.protocol)
