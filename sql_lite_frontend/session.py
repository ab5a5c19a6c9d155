"""Sessions: statements in, results out, and which transaction a statement runs in.

Owns BEGIN, COMMIT and ROLLBACK, the caches of parsed and prepared statements, and what an error of `txn` is called in
SQL. A statement outside of BEGIN is a transaction of its own; one that writes is tried again while it is certainly
aborted. Does not own who runs the flows. Read next: sql_lite_frontend/execution.py.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from node.flow import Flow
from ranges.keys import SQL
from ranges.router import Router
from sql_lite_frontend import tree
from sql_lite_frontend.analysis import Watch, counted
from sql_lite_frontend.ddl import Progress, create_table, drop_table, remove_dropped
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.execution import Executable, executable, executable_for_many, prepare, tables_of
from sql_lite_frontend.explain import explained, located
from sql_lite_frontend.expressions import Rows
from sql_lite_frontend.indexes import Filling, create_index, drop_index, fill
from sql_lite_frontend.limits import STATEMENTS_CACHED
from sql_lite_frontend.listings import COLUMNS, shown
from sql_lite_frontend.many import Portion, portions
from sql_lite_frontend.operators import Execution, Operator
from sql_lite_frontend.parameters import Given, Named, named_in
from sql_lite_frontend.parse import parse
from sql_lite_frontend.schema import Schema, Schemas
from sql_lite_frontend.sources import Ready
from sql_lite_frontend.types import Kind, Type
from sql_lite_frontend.values import TYPES, check_parameter
from sql_lite_frontend.writes import Writing
from txn.database import Database
from txn.errors import Aborted, ArgosyError, BadInput, OutcomeUnknown, Unavailable
from txn.transaction import Transaction

T = TypeVar("T")
TEXT = Kind(Type.TEXT)
PLANNED = tree.Query | tree.Insert | tree.Update | tree.Delete
READS = tree.Query | tree.Explain | tree.Show


@dataclass(frozen=True, slots=True)
class Parsed:
    """A statement, its text, and the parameters that it names."""

    text: str
    statement: Any
    named: Named


class Engine:
    """SQL over the space of a database that is kept for it. Shared by any number of sessions.

    `now`, in seconds, is what EXPLAIN ANALYZE measures by; without it that of the router, which stands during a step.
    """

    def __init__(self, router: Router, nearest: bool = False, now: Callable[[], float] | None = None) -> None:
        self.now = now or router.now
        self.database = Database(router, SQL, nearest=nearest)
        self.schemas = Schemas()
        self.chance = router.chance
        self._parsed: OrderedDict[str, Parsed] = OrderedDict()

    def session(self) -> "Session":
        """A session, in no transaction."""
        return Session(self)

    def parsed(self, text: str) -> Parsed:
        """The statement of a text. Raises SqlError."""
        found = self._parsed.get(text)
        if found is None:
            statement = parse(text)
            found = self._parsed[text] = Parsed(text, statement, named_in(statement))
            if len(self._parsed) > STATEMENTS_CACHED:
                self._parsed.popitem(last=False)
        return found


class Result:
    """What a statement gave: `columns`, their `kinds` and rows; of a write the `count` of its rows.

    1. Rows come in batches, as they are asked for, all from the snapshot of the statement.
    2. A write has columns and rows where it says RETURNING. Its changes are handed over before.
    """

    def __init__(
        self,
        columns: tuple[str, ...],
        count: int = -1,
        first: Rows | None = None,
        source: Operator | None = None,
        kinds: tuple[Kind, ...] = (),
    ) -> None:
        assert len(kinds) == len(columns), f"{len(columns)} columns, and {len(kinds)} kinds of columns"
        self.columns = columns
        self.kinds = kinds
        self.count = count
        self._first = first
        self._source = source

    @property
    def over(self) -> bool:
        """Has every row been handed out?"""
        return self._first is None and self._source is None

    def next(self) -> Flow[Rows | None]:
        """The next rows, maybe none; None at the end. Raises SqlError."""
        rows = self.next_nowait()
        if rows is None and self._source is not None:
            rows = yield from _told(self._source.next())
            if rows is None or self._source.over:
                self._source = None
        return rows

    def next_nowait(self) -> Rows | None:
        """The rows that came with the answer; None if the next ones have to be fetched, or there are none."""
        rows, self._first = self._first, None
        return rows


class Session:
    """One user's statements, one after another.

    1. `transaction` is that of BEGIN; None outside of it. Once it has `failed` it only takes ROLLBACK (or COMMIT,
       which then rolls back and says so).
    2. A statement that fails has changed nothing; a transaction goes on after it.
    3. `progress` is told of statements that take several transactions: how much is done, and of how much if known.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.transaction: Transaction | None = None
        self.failed = False
        self.progress: Progress = _untold
        self._dropped = False
        self._filling: Filling | None = None

    def execute(self, text: str, parameters: Given = ()) -> Flow[Result]:
        """The statement's result. The text is parsed at once, the rest is the flow. Raises SqlError."""
        parsed = self._engine.parsed(text)
        try:
            given = tuple(map(check_parameter, parsed.named.arrange(parameters)))
        except SqlError as error:
            raise error.locate(text) from None
        statement = parsed.statement
        if isinstance(statement, tree.Plain):
            return _told(self._plain(statement.word), text)
        done = statement.statement if isinstance(statement, tree.Explain) and statement.analyze else statement
        writes = not isinstance(done, READS)
        return _told(self._carried(lambda transaction: self._within(parsed, given, transaction), writes), text)

    def execute_many(self, text: str, rows: Iterable[Given]) -> Flow[int]:
        """Carry an INSERT, UPDATE or DELETE out for every row of parameters, in one transaction; the number of rows.

        An UPDATE or DELETE meets what it did for earlier rows of parameters. All is done or, if it fails, nothing.
        Text and parameters are checked at once, the rest is the flow. Raises SqlError.
        """
        parsed = self._engine.parsed(text)
        if not isinstance(parsed.statement, tree.Insert | tree.Update | tree.Delete):
            raise SqlError("0A000", "only INSERT, UPDATE and DELETE take many rows of parameters")
        try:
            for each in parsed.statement.returning:
                at = int(getattr(each.expression, "at", -1))
                raise SqlError("0A000", "RETURNING is not supported for many rows of parameters", at)
            some = portions(parsed.named, rows)
        except SqlError as error:
            raise error.locate(text) from None
        return _told(self._carried(lambda transaction: self._many(parsed, some, transaction)), text)

    def enter(self) -> None:
        """Begin a transaction, which reads the snapshot of its first read. Raises 25001."""
        if self.transaction is not None:
            raise SqlError("25001", "a transaction is open already", hint="COMMIT or ROLLBACK first")
        self.transaction = self._engine.database.begin()
        self._dropped, self._filling = False, None

    def _carried(self, body: Callable[[Transaction], Flow[T]], writes: bool = True) -> Flow[T]:
        """What a statement does, in the open transaction or one of its own."""
        if self.failed:
            raise SqlError("25P02", "this transaction was aborted", hint="ROLLBACK ends it")
        if self.transaction is not None:
            try:
                return (yield from body(self.transaction))
            except (Aborted, Unavailable):
                self.failed = True
                raise
        if not writes:
            return (yield from body(self._engine.database.begin()))
        self._dropped, self._filling = False, None  # one that failed before has left nothing to be done
        result = yield from self._engine.database.run(body)
        yield from self._after()
        return result

    def _plain(self, word: str) -> Flow[Result]:
        transaction = self.transaction
        if word == "begin":
            self.enter()
            assert self.transaction is not None, "it has just begun"
            yield from self.transaction.begin()
            return Result(())
        if transaction is None:
            raise SqlError("25P01", f"{word.upper()} without BEGIN")
        failed = self.failed
        self.transaction, self.failed = None, False
        if word == "rollback":
            transaction.rollback()
            return Result(())
        if failed:
            transaction.rollback()
            raise SqlError("25P02", "this transaction was aborted, so COMMIT has rolled back", hint="begin again")
        yield from transaction.commit()
        yield from self._after()
        return Result(())

    def _after(self) -> Flow[None]:
        """What a commit leaves to be done. It stands, whatever becomes of what it dropped: others go on with that."""
        if self._dropped:
            try:
                yield from remove_dropped(self._engine.database, self.progress)
            except (Aborted, OutcomeUnknown, Unavailable):
                pass
        if self._filling is not None:
            engine = self._engine
            yield from fill(self._filling, engine.database, engine.schemas, engine.chance, self.progress)

    def _within(self, parsed: Parsed, given: tuple[Any, ...], transaction: Transaction) -> Flow[Result]:
        """A statement in a transaction. The row that it most likely reads first comes along with the version."""
        name = parsed.text, tuple(map(type, given))
        found: Executable | None = self._engine.schemas.latest.plans.get(name)
        ahead = None if found is None else found.first_key(given)
        schema = yield from self._engine.schemas.now(transaction, ahead)
        if not isinstance(parsed.statement, PLANNED):
            return (yield from self._unplanned(parsed, given, schema, transaction))
        found = schema.plans.get(name)
        if found is None:
            prepared = yield from _prepared(parsed.statement, parsed.named, schema, transaction, _kinds(given))
            found = schema.keep(name, executable(prepared))
        execution = yield from found.start(transaction, given)
        source = found.make(execution)
        if found.writing is not None:
            written = yield from found.writing.carry_out(source, execution)
            columns = found.prepared.columns
            return Result(columns, written.count, written.rows if columns else None, kinds=found.kinds)
        rows = yield from source.next()
        left = None if rows is None or source.over else source
        return Result(found.prepared.columns, first=rows, source=left, kinds=found.kinds)

    def _unplanned(
        self, parsed: Parsed, given: tuple[Any, ...], schema: Schema, transaction: Transaction
    ) -> Flow[Result]:
        """A statement about the catalog, or about a plan."""
        match parsed.statement:
            case tree.CreateTable() as statement:
                yield from create_table(statement, schema, transaction, self._engine.chance)
            case tree.DropTable() as statement:
                yield from drop_table(statement, schema, transaction, self._engine.chance)
                self._dropped = True
            case tree.CreateIndex() as statement:
                alone = self.transaction is None
                self._filling = yield from create_index(statement, schema, transaction, self._engine.chance, alone)
            case tree.DropIndex() as statement:
                yield from drop_index(statement, schema, transaction, self._engine.chance)
                self._dropped = True
            case tree.Explain(statement, analyze):
                prepared = yield from _prepared(statement, parsed.named, schema, transaction, _kinds(given))
                explain = self._analyzed if analyze else self._explained
                lines = yield from explain(prepared, given, transaction)
                return Result(("plan",), first=[(line,) for line in lines], kinds=(TEXT,))
            case tree.Show() as statement:
                rows = yield from shown(statement, self._engine.database.router, schema, transaction)
                columns = COLUMNS[statement.what]
                return Result(tuple(columns), first=rows, kinds=tuple(columns.values()))
        return Result(())

    def _explained(self, prepared: Any, given: tuple[Any, ...], _: Transaction) -> Flow[list[str]]:
        """The plan, with the ranges that its scans go through."""
        places = yield from located(prepared, self._engine.database, given)
        return explained(prepared, lambda node: places.get(id(node), ""))

    def _analyzed(self, prepared: Any, given: tuple[Any, ...], transaction: Transaction) -> Flow[list[str]]:
        """The statement carried out, with what each operator did."""
        engine = self._engine
        places = yield from located(prepared, engine.database, given)
        watch, began = Watch(engine.now), engine.now()
        made = executable(prepared, watch.over)
        execution = yield from made.start(transaction, given)
        source = made.make(execution)
        if made.writing is None:
            count = yield from counted(source)
        else:
            count = (yield from made.writing.carry_out(source, execution)).count
        took = engine.now() - began

        def note(node: Any) -> str:
            return "; ".join(filter(None, (places.get(id(node)), watch.note(node))))

        what = "gave" if made.writing is None else "wrote"
        return [*explained(prepared, note), f"{what} {count:,} rows in {took * 1000:.1f} ms, without the commit"]

    def _many(self, parsed: Parsed, some: Sequence[Portion], transaction: Transaction) -> Flow[int]:
        """A write for all rows of parameters. What an INSERT lists is one list of rows."""
        schema = yield from self._engine.schemas.now(transaction)
        plans: list[tuple[Executable, Writing]] = []
        for portion in some:
            name = (parsed.text, portion.kinds)
            found = schema.plans.get(name)
            if found is None:
                prepared = yield from _prepared(parsed.statement, parsed.named, schema, transaction, portion.kinds)
                found = schema.keep(name, executable_for_many(prepared))
            assert found.writing is not None, "only what writes is carried out for many rows of parameters"
            plans.append((found, found.writing))
        if plans and plans[0][0].many is not None:
            rows = (each.many(portion.givens) for (each, _), portion in zip(plans, some, strict=True) if each.many)
            return (yield from plans[0][1].carry_out(Ready(rows), Execution(transaction, ()))).count
        before, count = transaction.savepoint(), 0
        try:
            for (each, writing), portion in zip(plans, some, strict=True):
                for given in portion.givens:
                    execution = yield from each.start(transaction, given)
                    count += (yield from writing.carry_out(each.make(execution), execution)).count
        except ArgosyError:
            transaction.go_back(before)
            raise
        return count


def _untold(_: int, __: int | None) -> None:
    """Nobody wants to know how far a statement is."""


def _kinds(given: tuple[Any, ...]) -> tuple[Kind, ...]:
    return tuple(Kind(TYPES[type(each)], each is None) for each in given)


def _prepared(
    statement: Any, named: Named, schema: Schema, transaction: Transaction, kinds: Sequence[Kind]
) -> Flow[Any]:
    if not isinstance(statement, PLANNED):
        raise SqlError("0A000", "only queries, INSERT, UPDATE and DELETE have a plan")
    tables = yield from tables_of(statement, schema, transaction)
    return prepare(statement, tables, kinds, named.places)


def _told(flow: Flow[T], text: str = "") -> Flow[T]:
    """The flow; its errors as SQL calls them."""
    try:
        return (yield from flow)
    except SqlError as error:
        raise error.locate(text) from None
    except Aborted as error:
        raise SqlError("40001", str(error), hint="nothing happened: run the transaction again") from error
    except OutcomeUnknown as error:
        raise SqlError("40003", str(error), hint="look before you try again") from error
    except Unavailable as error:
        raise SqlError("08006", str(error)) from error
    except BadInput as error:
        raise SqlError("54000", str(error)) from error


assert issubclass(SqlError, ArgosyError), "whoever catches the database's errors catches SQL's"
