"""The airports of the world as rows: key `country/code`, value JSON.

Owns the form of the rows. Read next: bench/demo/__main__.py.
"""

import json

import airportsdata


def rows() -> dict[bytes, bytes]:
    """Some 28,000 rows, in no order."""
    return {
        f"{each['country']}/{each['icao']}".encode(): json.dumps(each, ensure_ascii=False).encode()
        for each in airportsdata.load().values()
    }


def countries() -> list[str]:
    """The codes of all countries with an airport, ascending."""
    return sorted({each["country"] for each in airportsdata.load().values()})
