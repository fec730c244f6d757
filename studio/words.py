"""Numbers as a page writes them."""


def amount(number: int) -> str:
    """A count, with thin spaces between thousands: `12 345`."""
    return f"{number:,}".replace(",", "\u202f")


def money(dollars: float | None) -> str:
    """US dollars; a model of one's own costs nothing that is known."""
    if dollars is None:
        return "price unknown"
    if not dollars:
        return "$0"
    return f"${dollars:.2f}" if dollars >= 0.01 else f"${dollars:.4f}"


def protocol_name(name: str) -> str:
    """A protocol's name without the folders of its file: `interview.py:Interview`."""
    return name.rpartition("/")[2]
