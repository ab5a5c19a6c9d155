"""Text that a terminal prints and does not obey: what comes from data may hold control sequences.

Owns nothing else. Every floor that shows text to a person uses it. Read next: node/errors.py.
"""


def harmless(text: str) -> str:
    """The text with everything that a terminal might obey written out as an escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
