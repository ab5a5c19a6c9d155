"""How a message prints itself: one line, without its term, which stands before the arrow in a trace.

Owns the notation of golden scripts and logs, such as `Append base=3@1 [4@2] commit=3`. Read next: messages.py.
"""

from dataclasses import MISSING, fields
from typing import Any


class Line:
    """A dataclass whose fields print as `name=value`; flags by their name alone, defaults not at all."""

    __slots__ = ()

    def __str__(self) -> str:
        shown = [type(self).__name__]
        for each in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, each.name)
            if each.name == "term" or (value == each.default and each.default is not MISSING):
                continue
            shown.append(each.name if value is True else self._field(each.name, value))
        return " ".join(shown)

    def _field(self, name: str, value: Any) -> str:
        return f"{name}={value}"
