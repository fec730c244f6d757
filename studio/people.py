"""How people and cultures look on every page: a dot or a round initial in the culture's colour."""

from culturepark.personas.seat import Seat
from culturepark.studio.palette import tint
from culturepark.studio.tags import Tag


def culture_dot(culture: str) -> None:
    """The culture's name behind its colour."""
    with Tag("span", classes="culture", style=tint(culture)):
        Tag("span", classes="dot", aria_hidden="true")
        Tag("span", culture)


def initial(seat: Seat) -> None:
    """A person's first letter on their culture's colour."""
    Tag("span", seat.name[:1], classes="initial", aria_hidden="true", style=tint(seat.culture.id))
