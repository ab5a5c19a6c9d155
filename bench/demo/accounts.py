"""Money that moves between accounts in different ranges, from several clients at once.

Owns the accounts (one per country, next to its airports) and the clients. The sum never changes, whatever becomes
of a transfer: done, certainly not done (`Aborted`, `Unavailable`), or not known (`OutcomeUnknown`).
Read next: bench/demo/__main__.py.
"""

import random
import threading
import time
from dataclasses import dataclass, field

import argosy
from argosy import Database, Transaction

OPENING_BALANCE = 1_000
CLIENTS = 4
SUFFIX = "/~account"  # sorts after the country's airports


def account(country: str) -> bytes:
    """The key of a country's account."""
    return (country + SUFFIX).encode()


def open_accounts(db: Database, countries: list[str]) -> None:
    """Give every country its opening balance."""
    db.batch((account(each), b"%d" % OPENING_BALANCE) for each in countries)


def total(db: Database, countries: list[str]) -> int:
    """The sum over all accounts, in one snapshot."""

    def add_up(transaction: Transaction) -> int:
        return sum(int(each or 0) for each in transaction.get_many(map(account, countries)))

    return db.run(add_up)


def transfer(transaction: Transaction, source: str, target: str, amount: int) -> bool:
    """Move an amount, unless the source has less; whether it moved."""
    giver, taker = (int(each or 0) for each in transaction.get_many([account(source), account(target)]))
    if giver < amount:
        return False
    transaction.put(account(source), b"%d" % (giver - amount))
    transaction.put(account(target), b"%d" % (taker + amount))
    return True


@dataclass(slots=True)
class Tally:
    """What the clients have done so far. `longest` is the longest time without any transfer done, in seconds."""

    done: int = 0
    aborted: int = 0
    unknown: int = 0
    unavailable: int = 0
    longest: float = 0.0
    last: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)
    failure: BaseException | None = None

    def count_done(self) -> None:
        """One more is done."""
        with self.lock:
            now = time.monotonic()
            self.done += 1
            self.longest = max(self.longest, now - self.last)
            self.last = now

    def take_longest(self) -> float:
        """The longest pause since the last call, a running one included."""
        with self.lock:
            longest = max(self.longest, time.monotonic() - self.last)
            self.longest = 0.0
            return longest


class Clients:
    """Threads, each with a connection of its own, that transfer until told to stop."""

    def __init__(self, address: str, countries: list[str]) -> None:
        self._address, self._countries = address, countries
        self._stop = threading.Event()
        self.tally = Tally()
        self._threads = [threading.Thread(target=self._work, args=(seed,), daemon=True) for seed in range(CLIENTS)]

    def start(self) -> None:
        """Begin."""
        self.tally.last = time.monotonic()
        for each in self._threads:
            each.start()

    def stop(self) -> None:
        """Finish what is under way, and end. Raises what a client failed by, if one did."""
        self._stop.set()
        for each in self._threads:
            each.join()
        if self.tally.failure is not None:
            raise self.tally.failure

    def _work(self, seed: int) -> None:
        try:
            with argosy.connect(self._address) as db:
                chance = random.Random(seed)
                while not self._stop.is_set():
                    self._transfer(db, chance)
        except BaseException as error:  # told by `stop`, in the thread that can act on it
            self.tally.failure = error

    def _transfer(self, db: Database, chance: random.Random) -> None:
        source, target = chance.sample(self._countries, 2)
        try:
            db.run(transfer, source, target, chance.randrange(1, 50))
            self.tally.count_done()
        except argosy.Aborted:
            self.tally.aborted += 1
        except argosy.OutcomeUnknown:
            self.tally.unknown += 1
        except argosy.Unavailable:
            self.tally.unavailable += 1
