"""What the workload `sql` asks of its tables: queries, and their answers by hand from all rows of the same snapshot.

Rows of whole tables come by the primary key; these queries may be carried out by whichever index there is just now, so
an index that disagrees with its table is seen by the difference. Owns the queries. Read next: argosy/testing/books.py.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

BALANCES = "SELECT id, branch, balance, sent FROM accounts"
LOGS = "SELECT id, source, target, amount, seat FROM log"
ARCHIVES = "SELECT id, source, target, amount FROM archive"
TOTALS = (  # accounts, what they hold, and what they have sent that is not written down
    "SELECT COUNT(*), SUM(balance), SUM(sent) - (SELECT COUNT(*) FROM log) - (SELECT COUNT(*) FROM archive)"
    " FROM accounts"
)

Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Found:
    """All rows of one snapshot, and the account that queries ask for. Rows of accounts: (id, branch, balance, sent)."""

    accounts: Rows
    log: Rows
    archive: Rows
    account: int


@dataclass(frozen=True, slots=True)
class Question:
    """A query whose parameters are all the account's number, and what it must show. `sorts`: in this order."""

    text: str
    answer: Callable[[Found], Rows]
    sorts: bool = False

    def agrees(self, rows: Rows, found: Found) -> bool:
        """Is that what all rows say?"""
        wanted = self.answer(found)
        return list(rows) == list(wanted) if self.sorts else sorted(rows) == sorted(wanted)


def _by_source(found: Found) -> Rows:
    count, amount = Counter[int](), Counter[int]()
    for _, source, _, moved, _ in found.log:
        count[source] += 1
        amount[source] += moved
    return [(row[0], count[row[0]], amount[row[0]]) for row in found.accounts]


def _by_target(found: Found) -> Rows:
    some: dict[int, list[int]] = {}
    for _, _, target, amount, _ in found.log:
        some.setdefault(target, []).append(amount)
    return [(target, len(each), sum(each), max(each)) for target, each in sorted(some.items())]


def _branches(found: Found) -> Rows:
    some: dict[int, list[int]] = {}
    for _, branch, balance, _ in found.accounts:
        some.setdefault(branch, []).append(balance)
    return [(branch, len(each), min(each)) for branch, each in sorted(some.items())]


def _seated(found: Found) -> Rows:
    balances = {row[0]: row[2] for row in found.accounts}
    return sorted((row[4], balances[row[1]]) for row in found.log if row[4] is not None)


def _received(found: Found) -> Rows:
    return [(abs(row[0]), row[3]) for row in (*found.log, *found.archive) if row[2] == found.account]


QUESTIONS = (
    Question(
        "SELECT balance FROM accounts ORDER BY balance", lambda it: sorted((row[2],) for row in it.accounts), True
    ),
    Question(
        "SELECT branch, COUNT(*), MIN(balance) FROM accounts GROUP BY branch ORDER BY branch", _branches, True
    ),
    Question(
        "SELECT id FROM accounts WHERE branch = (SELECT branch FROM accounts WHERE id = ?)",
        lambda it: [
            (row[0],) for row in it.accounts if row[1] in [each[1] for each in it.accounts if each[0] == it.account]
        ],
    ),
    Question(
        "SELECT id, amount FROM log WHERE source = ? ORDER BY id",
        lambda it: sorted((row[0], row[3]) for row in it.log if row[1] == it.account), True,
    ),
    Question(
        "SELECT id, seat IS NULL FROM log WHERE target = ? AND amount > 10",
        lambda it: [(row[0], row[4] is None) for row in it.log if row[2] == it.account and row[3] > 10],
    ),
    Question(
        "SELECT a.id, COUNT(l.id), COALESCE(SUM(l.amount), 0) FROM accounts AS a LEFT JOIN log AS l ON l.source = a.id"
        " GROUP BY a.id",
        _by_source,
    ),
    Question(
        "SELECT target, COUNT(*), SUM(amount), MAX(amount) FROM log GROUP BY target ORDER BY target", _by_target, True
    ),
    Question(
        "SELECT l.seat, a.balance FROM log AS l JOIN accounts AS a ON a.id = l.source WHERE l.seat IS NOT NULL"
        " ORDER BY l.seat",
        _seated, True,
    ),
    Question(
        "SELECT ABS(id), amount FROM log WHERE target = ? UNION ALL"
        " SELECT ABS(id), amount FROM archive WHERE target = ?",
        _received,
    ),
    Question(
        "SELECT id FROM archive WHERE source = ? AND amount BETWEEN 5 AND 20",
        lambda it: [(row[0],) for row in it.archive if row[1] == it.account and 5 <= row[3] <= 20],
    ),
)  # fmt: skip
