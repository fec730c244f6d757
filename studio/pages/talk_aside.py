"""The card beside a talk, and who sits in it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.read_only import looking
from culturepark.simulation.transcript import Transcript
from culturepark.studio.fate import Fate, load_fate
from culturepark.studio.fields import button
from culturepark.studio.opinion_card import opinion_card
from culturepark.studio.page import Visit
from culturepark.studio.palette import tint
from culturepark.studio.people import initial
from culturepark.studio.tags import Tag
from culturepark.studio.talk_elements import TalkElement
from culturepark.studio.transcript import Said

T = TypeVar("T")


class TalkAside:
    """The card beside the talk: an opinion, a fork's form, or what verifying found."""

    def __init__(self, visit: Visit, said: Said, element: TalkElement, card: Tag) -> None:
        self.said = said
        """The talk as it stands; turns are added to one under way."""
        self._visit = visit
        self._element = element
        self._card = card

    def rest(self) -> None:
        """Say what can be done."""
        self._card.clear()
        with self._card:
            _how_to_read(view_has_quotes=bool(self.said.opinions))
            with Tag("div", classes="row spaced"):
                if self.said.talk.question is not None:
                    button("Fork …").on("click", lambda: self.fork(len(self.said.talk.turns) - 1))
                button("Verify").on("click", self.verify)

    async def pick(self, opinion: str) -> None:
        """Show an opinion."""
        self._element.pick(opinion)
        await self._show(lambda: _fate(self._visit.run, opinion), lambda fate: opinion_card(self._visit, fate))

    async def fork(self, turn: int) -> None:
        """Show the form that forks at a turn."""
        from culturepark.studio.forking import offered  # noqa: PLC0415  (imports a model's client)
        from culturepark.studio.pages.fork_form import fork_form  # noqa: PLC0415  (as above)

        talk, run = self.said.talk, self._visit.run
        if talk.question is None:
            self._say(f"talk {talk.id} is about no survey question, so it cannot be forked")
        elif not talk.turns:
            self._say(f"talk {talk.id} has no turn yet to fork at")
        else:
            await self._show(
                lambda: offered(run, talk),
                lambda offers: fork_form(self._visit, talk, turn, offers, close=self.rest),
            )

    async def verify(self) -> None:
        """Hold the talk again, and show what came of it."""
        from culturepark.studio.pages.fork_form import verification, verified  # noqa: PLC0415  (as above)

        self._card.clear()
        with self._card:
            Tag("p", "Holding it again from the ledger …", role="status")
        await self._show(lambda: verified(self._visit.run, self.said.talk.id), verification)

    async def _show(self, read: Callable[[], T], drawn: Callable[[T], None]) -> None:
        try:
            found = await asyncio.to_thread(read)
        except CultureParkError as error:
            self._say(str(error))
            return
        self._card.clear()
        with self._card:
            drawn(found)

    def _say(self, mistake: str) -> None:
        self._card.clear()
        with self._card:
            Tag("p", mistake, classes="refused", role="alert")


def people(talk: Transcript) -> None:
    """Who sits in a talk, with their stances."""
    with Tag("section", classes="card", aria_label="Who sits here"):
        Tag("h2", "Who sits here")
        for seat in talk.seats:
            with Tag("div", classes="person", style=tint(seat.culture.id)):
                initial(seat)
                with Tag("div"):
                    with Tag("p", classes="tight"):
                        Tag("b", seat.name)
                        Tag("span", f" {seat.culture.country_name}", classes="muted")
                    if seat.stance is None:
                        Tag("p", "holds no stance", classes="small muted tight")
                    else:
                        Tag("p", seat.stance.words, classes="small tight")
                        Tag("p", seat.stance.standing, classes="small muted tight")


def _how_to_read(*, view_has_quotes: bool) -> None:
    Tag("h2", "Opinions")
    if view_has_quotes:
        Tag("p", "Press a marked quote to see its verdict and its sample.", classes="muted")
        with Tag("ul", classes="legend small"):
            for mark, words in (
                ("entail", "says what the stance says"),
                ("contradict", "against the stance"),
                ("irrelevant", "the stance does not decide it"),
                ("unjudged", "not judged"),
            ):
                with Tag("li"):
                    Tag("span", mark, classes=f"quote quote-{mark}")
                    Tag("span", f" {words}", classes="muted")
    else:
        Tag("p", "None was found in this talk, or the run is not refined yet.", classes="muted")


def _fate(run: Path, opinion: str) -> Fate:
    with looking(run) as store:
        return load_fate(store, opinion)
