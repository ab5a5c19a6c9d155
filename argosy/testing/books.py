"""What every snapshot of the tables of `sql` must show: accounts, the log of their transfers, and its archive.

Owns `Books` with `Tables` and `Finding`. What an account holds follows from the rows of log and archive together, each
transfer is in one of them from its acknowledgement on, and no two rows of the log have the same seat. Does not own
what indexes must hold (argosy/testing/entries.py). Read next: argosy/testing/workloads/sql.py.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from argosy.testing.growing import Add, Elements, Members
from argosy.testing.history import Operation, Outcome
from argosy.testing.linear import Violation

LOG = b"the log"
Row = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tables(Operation):
    """All rows at one moment: (account, balance, transfers sent); (number, source, target, amount), of the log with
    the seat behind. A number below 0 is that of the same transfer above 0."""

    accounts: Sequence[Row]
    log: Sequence[Row]
    archive: Sequence[Row]

    def told(self) -> str:
        """How many rows."""
        return f"read {len(self.accounts)} accounts, {len(self.log)} rows of the log, {len(self.archive)} archived"


@dataclass(frozen=True, slots=True)
class Finding(Operation):
    """Something that is wrong by itself."""

    wrong: str

    def told(self) -> str:
        """What it is."""
        return self.wrong


class Books:
    """Feed it with transfers (`Add` to `LOG`), looks and findings. The last look begins after all transfers ended.

    1. Of every account the balance at first is `balance`, and nothing of it was sent.
    """

    def __init__(self, accounts: int, balance: int) -> None:
        self._accounts = accounts
        self._balance = balance
        self._transfers = Members()
        self._wrong: list[tuple[str, Operation]] = []
        self._looks = 0

    def note(self, operation: Add | Tables | Finding) -> None:
        """One operation has ended. A look that failed has seen nothing."""
        if isinstance(operation, Add):
            self._transfers.note(operation)
        elif isinstance(operation, Finding):
            self._wrong.append((operation.wrong, operation))
        elif operation.outcome is Outcome.OK:
            self._look(operation)

    def check(self) -> None:
        """Raise `Violation` if a look was wrong, or a transfer was lost or came from nowhere."""
        for wrong, operation in self._wrong:
            raise Violation(f"{wrong}:\n  {operation}")
        if not self._looks:
            raise Violation("nobody saw all tables even once")
        self._transfers.check()

    def _look(self, look: Tables) -> None:
        self._looks += 1
        wrong = self._trouble(look)
        if wrong:
            self._wrong.append((wrong, look))
        told = look.begin, look.end, look.outcome, look.client
        self._transfers.note(Elements(*told, LOG, frozenset(abs(row[0]) for row in (*look.log, *look.archive))))

    def _trouble(self, look: Tables) -> str:
        """What is wrong with a look; nothing if it is right."""
        if sorted(row[0] for row in look.accounts) != list(range(self._accounts)):
            return f"there are {len(look.accounts)} accounts, not {self._accounts}"
        transfers = [*look.log, *look.archive]
        twice = _twice(abs(row[0]) for row in transfers)
        if twice:
            return f"transfers {twice} stand twice"
        seats = _twice(row[4] for row in look.log if row[4] is not None)
        if seats:
            return f"UNIQUE is broken: seats {seats} are taken twice"
        sent = Counter(row[1] for row in transfers)
        moved: Counter[int] = Counter()
        for _, source, target, amount, *_ in transfers:
            moved[source] -= amount
            moved[target] += amount
        for account, balance, count in look.accounts:
            if balance != self._balance + moved[account] or balance < 0:
                return f"account {account} holds {balance}, its transfers leave {self._balance + moved[account]}"
            if count != sent[account]:
                return f"account {account} has counted {count} transfers, {sent[account]} are written down"
        return ""


def _twice(values: Iterable[int]) -> list[int]:
    return sorted(value for value, count in Counter(values).items() if count > 1)
