"""`sql`: transfers between rows of a table, their log with UNIQUE seats, and its archive, while indexes come and go.

A transfer writes its number into the log, so that who was told nothing of its outcome can be judged all the same.
Indexes are built on the filled tables, a few rows at a time, and dropped, so statements meet a catalog that changes.
Every look reads the tables and asks the same by queries that may go by any index. Owns the steps. What is asked is
owned by argosy/testing/workloads/questions.py, what is checked by books.py and entries.py beside this folder.
Read next: argosy/testing/workloads/questions.py.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, TypeVar

from argosy.testing import entries
from argosy.testing.books import LOG, Books, Finding, Tables
from argosy.testing.growing import Add
from argosy.testing.history import Outcome
from argosy.testing.workloads.questions import ARCHIVES, BALANCES, LOGS, QUESTIONS, TOTALS, Found
from argosy.testing.workloads.workload import Tally, Told
from node.flow import Flow
from ranges.keys import SQL
from sql_lite_frontend import indexes
from sql_lite_frontend.ddl import FIRST_TABLE
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.keys import ROWS, encode_tuple, index_prefix
from sql_lite_frontend.session import Engine, Session
from txn.database import Database
from txn.errors import Aborted, ArgosyError, OutcomeUnknown, Unavailable

ACCOUNTS = 16
BALANCE = 100
AMOUNT_MAX = 30
BRANCHES = 4
SEATS = 8
PLACES = 10  # a transfer's number begins with a place by chance, so that rows come everywhere
PLACE = 1_000_000
QUESTIONS_MAX = 4  # of one look
ROWS_PER_LOOK = 300  # where there are more, looks at all of them are rarer, so that a step costs the same
PORTIONS = (4, 15, 60)  # rows of a portion of an index that is built

TABLES = (
    "CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, branch INTEGER NOT NULL,"
    " balance INTEGER NOT NULL, sent INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, source INTEGER NOT NULL, target INTEGER NOT NULL,"
    " amount INTEGER NOT NULL, seat INTEGER UNIQUE, looked INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS archive (id INTEGER PRIMARY KEY, source INTEGER NOT NULL, target INTEGER NOT NULL,"
    " amount INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS log_source ON log (source)",
    "CREATE INDEX IF NOT EXISTS archive_source ON archive (source, amount)",
)
INDEXES = (  # that come and go
    ("INDEX", "accounts_branch", "accounts (branch, balance)"),
    ("INDEX", "accounts_balance", "accounts (balance)"),
    ("INDEX", "log_target", "log (target, amount)"),
    ("UNIQUE INDEX", "log_pair", "log (source, id)"),
    ("INDEX", "archive_target", "archive (target)"),
)
REWRITES: tuple[tuple[str, tuple[int, ...]], ...] = (  # with the bounds of their parameters
    ("UPDATE log SET looked = looked + 1 WHERE source = ?", (ACCOUNTS,)),
    ("UPDATE log SET amount = amount + 0, target = target WHERE target = ? AND amount > ?", (ACCOUNTS, AMOUNT_MAX)),
    (f"UPDATE log SET seat = {SEATS - 1} - seat WHERE seat IS NOT NULL", ()),
    ("UPDATE log SET seat = NULL WHERE seat = ?", (SEATS,)),
    (f"UPDATE accounts SET branch = (branch + 1) % {BRANCHES} WHERE id = ?", (ACCOUNTS,)),
    (f"UPDATE accounts SET branch = {BRANCHES - 1} - branch WHERE balance > ?", (BALANCE,)),
    ("UPDATE archive SET id = - id WHERE source = ? AND amount > ?", (ACCOUNTS, AMOUNT_MAX)),
)
TOLD = {"40001": Aborted, "40003": OutcomeUnknown, "08006": Unavailable}
REFUSED = ("42704", "42P07")  # an index is there already, or was dropped: somebody else was faster

T = TypeVar("T")


class CutOff(Exception):
    """Somebody goes away while an index is built."""


def rows_of(session: Session, text: str, *given: Any) -> Flow[list[Any]]:
    """Carry a query out: all rows."""
    result = yield from session.execute(text, given)
    rows: list[Any] = []
    while not result.over:
        rows += (yield from result.next()) or []
    return rows


def count_of(session: Session, text: str, *given: Any) -> Flow[int]:
    """Carry a statement out: how many rows it has written."""
    return (yield from session.execute(text, given)).count


class Sql(Tally):
    """Each connection has an engine and a session of its own, as a process of a user would."""

    name = "sql"
    space = SQL

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        super().__init__(chance, clock)
        self.keys = sorted(
            index_prefix(FIRST_TABLE + table, index) + encode_tuple((value,))
            for table, index, value in (
                (0, ROWS, ACCOUNTS // 2),
                (1, ROWS, 0),
                (1, ROWS, PLACES // 2 * PLACE),
                (1, ROWS + 1, SEATS // 2),
                (1, ROWS + 2, ACCOUNTS // 2),
                (2, ROWS, 0),
                (2, ROWS + 1, ACCOUNTS // 2),
            )
        )
        self._books = Books(ACCOUNTS, BALANCE)
        self._sessions: dict[Database, Session] = {}
        self._rows = 0  # of log and archive, when they were read last

    # -- what a run asks for ---------------------------------------------------------------------------------------

    def prepare(self, database: Database) -> Flow[None]:
        """The tables and all accounts, in one transaction."""
        yield from self.insist(lambda: self._told(database, self._open))

    def step(self, client: int, database: Database) -> Flow[None]:
        """A transaction or a statement."""
        lot = self.chance.random()
        if lot < 0.5:
            yield from self._transfer(client, database)
        elif lot < 0.58:
            yield from self.attempt(client, self._told(database, self._archive))
        elif lot < 0.7:
            yield from self.attempt(client, self._told(database, self._rewrite))
        elif lot < 0.735:
            yield from self.attempt(client, self._told(database, self._change_an_index))
        elif self.chance.random() * max(self._rows, ROWS_PER_LOOK) < 0.4 * ROWS_PER_LOOK:
            told, seen = yield from self.attempt(client, self._told(database, self._look))
            self._note(told, seen)
        else:
            yield from self.attempt(client, self._told(database, self._totals))

    def finish(self, database: Database) -> Flow[None]:
        """A last look at rows and entries."""
        told, seen = yield from self.insist(lambda: self._told(database, partial(self._look, whole=True)))
        self._note(told, seen)

    def check(self) -> None:
        """All looks agree with the log, and with what its writers were told."""
        self._books.check()

    # -- sessions --------------------------------------------------------------------------------------------------

    def _session(self, database: Database) -> Session:
        found = self._sessions.get(database)
        if found is None:
            engine = Engine(database.router)
            engine.database = database.within(SQL)
            found = self._sessions[database] = engine.session()
        return found

    def _told(self, database: Database, work: Callable[[Session], Flow[T]]) -> Flow[T]:
        """Some work in this client's session, and its failures as the database calls them.

        Any other failure is a finding, which `check` tells of: where clocks break their bound, it is none.
        """
        session, begin = self._session(database), self.clock()
        try:
            return (yield from work(session))
        except SqlError as error:
            failure: ArgosyError = TOLD.get(error.state, Aborted)(str(error))
            if error.state not in TOLD:
                self._wrong(begin, str(error))
        except (AssertionError, LookupError, RuntimeError, ValueError) as error:
            failure = Aborted("a finding")
            self._wrong(begin, f"{type(error).__name__}: {error}")
        except ArgosyError as error:
            failure = error
        if session.transaction is not None:
            yield from session.execute("ROLLBACK")
        raise failure

    def _wrong(self, begin: float, what: str) -> None:
        self._books.note(Finding(begin, self.clock(), Outcome.OK, 0, what))

    def _require(self, begin: float, fact: bool, what: str) -> None:
        if not fact:
            self._wrong(begin, what)

    # -- writes ----------------------------------------------------------------------------------------------------

    def _open(self, session: Session) -> Flow[None]:
        yield from session.execute("BEGIN")
        for text in TABLES:
            yield from session.execute(text)
        if not (yield from rows_of(session, "SELECT id FROM accounts")):
            rows = [(number, number % BRANCHES, BALANCE) for number in range(ACCOUNTS)]
            yield from session.execute_many("INSERT INTO accounts VALUES (?, ?, ?, 0)", rows)
        yield from session.execute("COMMIT")

    def _transfer(self, client: int, database: Database) -> Flow[None]:
        number = self.chance.randrange(PLACES) * PLACE + self.unique()
        told, done = yield from self.attempt(client, self._told(database, partial(self._move, number)))
        begin, end, outcome, _ = told
        if outcome is Outcome.OK and not done:
            outcome = Outcome.FAILED  # it was rolled back
        self._books.note(Add(begin, end, outcome, client, LOG, number))

    def _move(self, number: int, session: Session) -> Flow[bool]:
        """From one account to another, unless it would overdraw the first one, or is rolled back at the end."""
        source, target = self.chance.sample(range(ACCOUNTS), 2)
        amount = self.chance.randint(1, AMOUNT_MAX)
        yield from session.execute("BEGIN")
        ((have,),) = yield from rows_of(session, "SELECT balance FROM accounts WHERE id = ?", source)
        if have < amount:
            yield from session.execute("ROLLBACK")
            return False
        if self.chance.random() < 0.5:
            text = "UPDATE accounts SET balance = balance - ?, sent = sent + 1 WHERE id = ?"
            yield from session.execute(text, (amount, source))
            yield from session.execute("UPDATE accounts SET balance = balance + ? WHERE id = ?", (amount, target))
        else:
            text = (
                "UPDATE accounts SET balance = balance + CASE id WHEN ? THEN - ? ELSE ? END,"
                " sent = sent + CASE id WHEN ? THEN 1 ELSE 0 END WHERE id IN (?, ?)"
            )
            yield from session.execute(text, (source, amount, amount, source, source, target))
        yield from self._write_down(session, (number, source, target, amount))
        lot = self.chance.random()
        if lot < 0.1:
            yield from session.execute("ROLLBACK")
            return False
        if lot < 0.13:  # what it leaves to be done must not change what is told of the transfer
            yield from session.execute(f"DROP INDEX IF EXISTS {self.chance.choice(INDEXES)[1]}")
        yield from session.execute("COMMIT")
        return True

    def _write_down(self, session: Session, row: tuple[int, ...]) -> Flow[None]:
        """A row of the log, some with a seat if nobody has it."""
        text, begin = "INSERT INTO log VALUES (?, ?, ?, ?, ?, 0)", self.clock()
        seat = self.chance.randrange(SEATS) if self.chance.random() < 0.3 else None
        if not (yield from self._put_in(session, text, *row, seat)):
            holders = yield from rows_of(session, "SELECT seat FROM log WHERE seat = ?", seat)
            self._require(begin, holders == [(seat,)], f"seat {seat} was refused, which has {len(holders)} rows")
            yield from session.execute(text, (*row, None))

    def _put_in(self, session: Session, text: str, *row: int | None) -> Flow[bool]:
        """Has it a place of its own? A statement that fails changes nothing, and the transaction goes on."""
        try:
            yield from session.execute(text, row)
        except SqlError as error:
            if error.state != "23505":
                raise
            return False
        return True

    def _archive(self, session: Session) -> Flow[None]:
        """Some of an account's rows, by two statements that must find the same."""
        begin, given = self.clock(), (self.chance.randrange(ACCOUNTS), self.chance.randint(0, AMOUNT_MAX // 2))
        where = "FROM log WHERE source = ? AND amount > ?"
        copy = f"INSERT INTO archive SELECT id, source, target, amount {where}"
        yield from session.execute("BEGIN")
        copied = yield from count_of(session, copy, *given)
        if copied and self.chance.random() < 0.3:
            again = yield from self._put_in(session, copy, *given)
            self._require(begin, not again, f"{copied} rows could be copied twice")
        gone = yield from count_of(session, f"DELETE {where}", *given)
        self._require(begin, copied == gone, f"{copied} rows were copied and {gone} deleted")
        yield from session.execute("COMMIT")

    def _rewrite(self, session: Session) -> Flow[None]:
        """A statement by itself, or one for many rows of parameters."""
        if self.chance.random() < 0.1:
            some = [(self.chance.randrange(BRANCHES), self.chance.randrange(ACCOUNTS)) for _ in range(3)]
            yield from session.execute_many("UPDATE accounts SET branch = ? WHERE id = ?", some)
        else:
            text, bounds = self.chance.choice(REWRITES)
            yield from session.execute(text, tuple(map(self.chance.randrange, bounds)))

    def _change_an_index(self, session: Session) -> Flow[None]:
        what, name, on = self.chance.choice(INDEXES)
        exists = self.chance.random() < 0.5
        if self.chance.random() < 0.6:
            text = f"CREATE {what} {'IF NOT EXISTS ' if exists else ''}{name} ON {on}"
            flow: Flow[Any] = _in_portions(session.execute(text), self.chance.choice(PORTIONS))
        else:
            flow = session.execute(f"DROP INDEX {'IF EXISTS ' if exists else ''}{name}")
        session.progress = self._progress
        try:
            yield from flow
        except CutOff:
            return
        except SqlError as error:
            if error.state not in REFUSED:
                raise

    def _progress(self, _: int, total: int | None) -> None:
        """Some who build an index leave it to those who come later."""
        if total is None and self.chance.random() < 0.2:
            raise CutOff

    # -- looks -----------------------------------------------------------------------------------------------------

    def _look(self, session: Session, whole: bool = False) -> Flow[tuple[Found, str]]:
        """All tables, and the same by some queries; `whole`: by all of them, and all entries too."""
        begin, account = self.clock(), self.chance.randrange(ACCOUNTS)
        yield from session.execute("BEGIN")
        accounts = yield from rows_of(session, BALANCES)
        log = yield from rows_of(session, LOGS)
        found = Found(accounts, log, (yield from rows_of(session, ARCHIVES)), account)
        asked = QUESTIONS if whole else self.chance.sample(QUESTIONS, self.chance.randint(0, QUESTIONS_MAX))
        for each in asked:
            rows = yield from rows_of(session, each.text, *[account] * each.text.count("?"))
            if not each.agrees(rows, found):
                self._wrong(begin, f"{each.text} with {account} shows {rows}, not {each.answer(found)}")
        wrong = ""
        if whole or self.chance.random() < 0.2:
            assert session.transaction is not None, "BEGIN has begun one"
            wrong = yield from entries.trouble(session.transaction)
        yield from session.execute("COMMIT")
        return found, wrong

    def _note(self, told: Told, seen: tuple[Found, str] | None) -> None:
        if seen is not None:
            found, wrong = seen
            self._rows = len(found.log) + len(found.archive)
            balances = [(number, balance, sent) for number, _, balance, sent in found.accounts]
            self._books.note(Tables(*told, balances, found.log, found.archive))
            self._require(told[0], not wrong, wrong)

    def _totals(self, session: Session) -> Flow[None]:
        """What a single statement shows."""
        begin = self.clock()
        ((accounts, balances, unknown),) = yield from rows_of(session, TOTALS)
        self._require(begin, accounts == ACCOUNTS, f"there are {accounts} accounts, not {ACCOUNTS}")
        self._require(begin, balances == ACCOUNTS * BALANCE, f"the accounts hold {balances}")
        self._require(begin, unknown == 0, f"of what was sent, {unknown} are not written down")


def _in_portions(flow: Flow[T], rows: int) -> Flow[T]:
    """The flow of CREATE INDEX, for which a portion has so few rows while it is at work."""
    go_on: Callable[[], Any] = partial(flow.send, None)
    while True:
        usual, indexes.FILLED_AT_ONCE = indexes.FILLED_AT_ONCE, rows
        try:
            wish = go_on()
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            indexes.FILLED_AT_ONCE = usual
        try:
            go_on = partial(flow.send, (yield wish))
        except ArgosyError as error:
            go_on = partial(flow.throw, error)
