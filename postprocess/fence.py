"""Model text inside a prompt: quoted as data, so that nothing in it can end the quotation."""

QUOTE = '"'
_HARMLESS = str.maketrans({QUOTE: "”", "<": "‹", ">": "›"})


def quoted(text: str) -> str:
    """Put text between straight double quotes that it cannot close: its own become typographic ones.

    Line breaks become spaces, so no line of the text can pass for a line of the prompt. Angle brackets become
    typographic ones, too: servers read `<|im_end|>` in a message as the end of the message.
    """
    return QUOTE + " ".join(text.translate(_HARMLESS).split()) + QUOTE
