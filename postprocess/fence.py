"""Model text inside a prompt: quoted as data, so that nothing in it can end the quotation."""

QUOTE = '"'


def quoted(text: str) -> str:
    """Put text between straight double quotes that it cannot close: its own become typographic ones.

    Line breaks become spaces, so no line of the text can pass for a line of the prompt.
    """
    return QUOTE + " ".join(text.replace(QUOTE, "”").split()) + QUOTE
