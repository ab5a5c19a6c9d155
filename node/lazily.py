"""Containers that are there only while they hold something: ten thousand sleeping groups have dozens each.

Owns `Lazily`, a base for slotted classes. An empty set takes 216 bytes, an empty deque 700, and most groups never
need most of theirs.
"""

from typing import Any, ClassVar


class Lazily:
    """Makes the attributes named in `containers` when they are first looked at, each by calling its maker.

    1. They are slots that nothing but this class sets and removes; what is in them stays as long as it is not empty.
    """

    __slots__ = ()
    containers: ClassVar[dict[str, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        make = self.containers.get(name)
        if make is None:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        made = make()
        setattr(self, name, made)
        return made

    def drop_empty(self) -> None:
        """Give the empty ones back."""
        for name in self.containers:
            try:
                held = object.__getattribute__(self, name)
            except AttributeError:
                continue
            if not held:
                delattr(self, name)
