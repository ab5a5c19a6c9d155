"""Histories that are good because somebody really did one thing after the other; calls overlap around the instants.

Owns who makes them, from a seed. What is unknown happened, late or not at all. Read next:
tests/simulator/test_made_histories.py.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from argosy.testing.growing import Add, Count, Elements, Increment
from argosy.testing.history import Outcome
from argosy.testing.linear import Call
from argosy.testing.serial import Append, Attempt, Read, Scan
from argosy.testing.snapshots import Look

KEYS = tuple(b"%c" % letter for letter in b"abcdef")
LATE = 5.0
OK, FAILED, UNKNOWN = Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN
Turn = tuple[tuple[float, float, Outcome, int], bool]  # the fields of an operation, and whether it happens


def turns(chance: Random, count: int, clients: int, doubt: float = 0.1) -> Iterator[Turn]:
    """In the order in which they take effect."""
    made: list[tuple[float, Turn]] = []
    free = [0.0] * clients
    for number in range(count):
        client = number % clients
        begin = free[client] + chance.random()
        instant = begin + chance.random()
        free[client] = end = instant + chance.random()
        lot = chance.random()
        if lot < doubt:
            happens = chance.random() < 0.5
            late = instant + chance.choice((0.0, LATE * chance.random()))
            made.append((late, ((begin, end, UNKNOWN, client), happens)))
        else:
            outcome = FAILED if lot < 1.5 * doubt else OK
            made.append((instant, ((begin, end, outcome, client), outcome is OK)))
    last = max([0.0, *free]) + 2 * LATE
    return iter([turn for _, turn in sorted(made)] + [((last, last + 1, OK, clients), True)])


def is_last(turn: Turn, clients: int) -> bool:
    """The look at everything that ends a history."""
    return turn[0][3] == clients


def registers(chance: Random, count: int, clients: int, keys: int = 2) -> list[Call]:
    """Reads, writes, deletions, and swaps of what is there."""
    values: dict[bytes, bytes | None] = dict.fromkeys(KEYS[:keys])
    history = []
    for number, turn in enumerate(turns(chance, count, clients)):
        told, happens = turn
        key, lot, value = chance.choice(KEYS[:keys]), chance.random(), b"%d" % number
        if is_last(turn, clients):
            history += [Call(*told, key, saw=values[key]) for key in values]
        elif lot < 0.5:
            history.append(Call(*told, key, saw=values[key] if told[2] is OK else b"nonsense"))
        else:
            wrote = None if lot < 0.6 else value
            saw: Any = values[key] if lot > 0.85 else ...
            history.append(Call(*told, key, saw=saw, wrote=wrote))
            if happens:
                values[key] = wrote
    return history


def lists(chance: Random, count: int, clients: int) -> list[Attempt]:
    """Reads, scans and appends of one to three lists; own appends are read, too."""
    values: dict[bytes, tuple[int, ...]] = {}
    history, item = [], 0
    for turn in turns(chance, count, clients):
        told, happens = turn
        if is_last(turn, clients):
            history.append(Attempt(*told, (Scan(b"", b"z", tuple(sorted(values.items()))),)))
            continue
        now, steps = dict(values), []
        if chance.random() < 0.2:
            start, end = sorted((chance.choice(KEYS), chance.choice(KEYS)))
            steps.append(Scan(start, end, tuple((key, now[key]) for key in sorted(now) if start <= key < end)))
        for key in chance.sample(KEYS, chance.randint(1, 3)):
            if chance.random() < 0.8:
                steps.append(Read(key, now.get(key, ())))
            for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
                item += 1
                now[key] = (*now.get(key, ()), item)
                steps.append(Append(key, item))
            if chance.random() < 0.1:
                steps.append(Read(key, now.get(key, ())))
        history.append(Attempt(*told, tuple(steps)))
        if happens:
            values = now
    return history


def sets(chance: Random, count: int, clients: int) -> list[Add | Elements]:
    """Adds and reads of one set."""
    inside: set[int] = set()
    history: list[Add | Elements] = []
    for number, turn in enumerate(turns(chance, count, clients)):
        told, happens = turn
        if is_last(turn, clients) or chance.random() < 0.4:
            history.append(Elements(*told, b"k", frozenset(inside)))
        else:
            history.append(Add(*told, b"k", number))
            inside |= {number} if happens else set()
    return history


def counters(chance: Random, count: int, clients: int) -> list[Increment | Count]:
    """Steps and reads of one counter."""
    value = 0
    history: list[Increment | Count] = []
    for turn in turns(chance, count, clients):
        told, happens = turn
        if is_last(turn, clients) or chance.random() < 0.4:
            history.append(Count(*told, b"k", value))
        else:
            amount = chance.randint(1, 5)
            value += amount if happens else 0
            history.append(Increment(*told, b"k", amount, value if told[2] is OK else None))
    return history


def looks(chance: Random, count: int, clients: int) -> list[Look]:
    """Of a bank with 10 on each account, at first."""
    rows = dict.fromkeys(KEYS, 10)
    history = []
    for told, _ in turns(chance, count, clients):
        source, target = chance.sample(KEYS, 2)
        moved = min(chance.randint(1, 5), rows[source])
        rows[source] -= moved
        rows[target] += moved
        history.append(Look(*told, tuple((key, b"%d" % amount) for key, amount in rows.items())))
    return history


MAKERS: dict[str, Callable[[Random, int, int], list[Any]]] = {
    "registers": registers,
    "lists": lists,
    "sets": sets,
    "counters": counters,
    "looks": looks,
}
