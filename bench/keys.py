"""Keys that are decimal numbers of one length, so that their order is that of the numbers.

Owns their form, and where ranges begin that share the numbers evenly. Read next: bench/generator.py.
"""

KEY_DIGITS = 16
NUMBERS = 10**KEY_DIGITS


def key_of(number: int) -> bytes:
    """The user key of this number."""
    return b"%016d" % number


def borders(ranges: int) -> list[bytes]:
    """The user keys at which so many ranges begin, the first one apart."""
    return [key_of(NUMBERS * place // ranges) for place in range(1, ranges)]
