"""What every snapshot must show: the accounts of a bank hold one sum, and the pointers of a ring make one ring.

Owns `Look`, `Sums` and `Ring`. Each look is judged for itself. Does not own in which order looks may come
(argosy/testing/serial.py). Read next: argosy/testing/growing.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from argosy.testing.history import Operation, Outcome
from argosy.testing.linear import Violation


@dataclass(frozen=True, slots=True)
class Look(Operation):
    """All rows at one moment, in the order in which they came."""

    rows: tuple[tuple[bytes, bytes], ...]

    def told(self) -> str:
        """The rows."""
        return " ".join(f"{key.decode(errors='replace')}={value!r}" for key, value in self.rows)


class Snapshots:
    """Feed it with looks at these keys, which always exist. What a value must be is up to those that follow."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = sorted(keys)
        self._looks: list[Look] = []

    def note(self, look: Look) -> None:
        """Somebody has seen all rows. Who failed has seen nothing."""
        if look.outcome is Outcome.OK:
            self._looks.append(look)

    def check(self) -> None:
        """Raise `Violation` if a look is wrong, or if there was none."""
        if not self._looks:
            raise Violation("nobody saw all rows even once")
        for look in self._looks:
            keys = sorted(key for key, _ in look.rows)
            wrong = self.trouble(dict(look.rows)) if keys == self._keys else self._other(keys)
            if wrong:
                raise Violation(f"{wrong}:\n  {look}")

    def trouble(self, rows: dict[bytes, bytes]) -> str:
        """What is wrong with the rows; nothing if they are right."""
        raise NotImplementedError

    def _other(self, keys: list[bytes]) -> str:
        missing = [key for key in self._keys if key not in keys]
        return f"{len(keys)} rows instead of {len(self._keys)}, missing are {missing}"


class Sums(Snapshots):
    """A bank: what is taken from one account is given to another, and no account is overdrawn."""

    def __init__(self, keys: Sequence[bytes], total: int) -> None:
        super().__init__(keys)
        self._total = total

    def trouble(self, rows: dict[bytes, bytes]) -> str:
        """The sum, and who owes."""
        total = sum(map(int, rows.values()))
        if total != self._total:
            return f"the accounts hold {total}, not {self._total}"
        owing = [key for key, value in rows.items() if int(value) < 0]
        return f"overdrawn are {owing}" if owing else ""


class Ring(Snapshots):
    """Each value is the key of the next one, and whoever goes on from any comes back there after all others.

    (After FoundationDB's workload `Cycle`.)
    """

    def trouble(self, rows: dict[bytes, bytes]) -> str:
        """How many can be reached before one comes again."""
        place, passed = self._keys[0], set[bytes]()
        while place in rows and place not in passed:
            passed.add(place)
            place = rows[place]
        if len(passed) < len(rows) or place != self._keys[0]:
            return f"a ring of {len(rows)} is broken: after {len(passed)} comes {place!r}"
        return ""
