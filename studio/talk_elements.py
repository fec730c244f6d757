"""The two elements of the transcript page that the browser draws by itself, so that stepping needs no server."""

from nicegui.element import Element

from culturepark.studio.transcript import TalkView


class TalkElement(Element, component="static/talk.js"):
    """Bubbles with whispers and controls. Emits `pick` with an opinion's id and `fork` with a turn's index."""

    def __init__(self, view: TalkView) -> None:
        super().__init__()
        self.show(view)

    def show(self, view: TalkView) -> None:
        """Show another state of the talk."""
        self.props["talk"] = view.model_dump(mode="json")

    def pick(self, opinion: str | None) -> None:
        """Mark the quote of an opinion."""
        self.props["picked"] = opinion or ""


class StancesElement(Element, component="static/stances.js"):
    """A small chart for each speaker."""

    def __init__(self, view: TalkView) -> None:
        super().__init__()
        self.show(view)

    def show(self, view: TalkView) -> None:
        """Show another state of the talk."""
        self.props["talk"] = view.model_dump(mode="json")
