"""CREATE INDEX and DROP INDEX; an index on a filled table is built in portions, beside everybody else's work.

The index is made known as `building` in the transaction that fills it for the first rows; then one transaction after
another reads the next rows and puts their entries, and the last one says that the index may be read. A statement that
writes keeps an index that is building like any other one; no statement reads it.

Why that is right: a statement reads the catalog's version in its own transaction, and whatever changes the catalog
writes a new one there. So in the order in which all transactions stand, every write behind the first one of these
keeps the index. (F1's states, Rae et al. 2013, need a further one, delete-only, since there two servers may work under
two versions at a time; here no two transactions do.) A portion is a transaction that read its rows and where it begins:
a write to these rows stands before it, and is read, or behind it, and changes the entries itself. Behind each portion,
all rows before its end have their entries, and every entry has its row. A value that is there twice is met by whoever
comes second: the write that finds the entry, or the portion that does.

Where the next portion begins is kept in the catalog. So a build that was cut off goes on with the same CREATE INDEX
again, two that build one index share the work, and until the end the index is `building`; or DROP INDEX takes it away.
Does not own entries (sql_lite_frontend/entries.py). Read next: sql_lite_frontend/session.py.
"""

from dataclasses import dataclass, replace

from node.codec import decode_plain, encode_plain
from node.flow import Flow
from sql_lite_frontend import tree
from sql_lite_frontend.bound import Field
from sql_lite_frontend.ddl import Chance, Progress, drop, forget, put_table, remove_dropped, with_index
from sql_lite_frontend.entries import Entries, taken
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.keys import filling_key, index_prefix, past
from sql_lite_frontend.scans import scanned
from sql_lite_frontend.schema import Index, Schema, Schemas, Table
from txn.database import Database
from txn.transaction import Transaction

FILLED_AT_ONCE = 2_000  # rows


@dataclass(frozen=True, slots=True)
class Filling:
    """An index that is to be filled."""

    name: str
    table: int
    number: int


@dataclass(frozen=True, slots=True)
class Portion:
    """The entries of some rows, how many rows have theirs then, and where to go on; None: that was all."""

    entries: dict[bytes, bytes | None]
    done: int
    more: bytes | None


def create_index(
    statement: tree.CreateIndex, schema: Schema, transaction: Transaction, chance: Chance, alone: bool
) -> Flow[Filling | None]:
    """What is left to be filled. `alone`: the transaction is the statement's own. Raises 42P01, 42P07, 25001 …"""
    name = statement.table.name
    table = yield from schema.table(transaction, name)
    if table is None:
        raise SqlError("42P01", f"no table {name}", statement.table.at, "SHOW TABLES lists them")
    found = yield from schema.index(transaction, statement.index.name)
    if found is not None and found[0] is table and _goes_on(table, found[1], statement.index):
        index, more = found[1], True
    elif found is not None and statement.if_not_exists:
        return None
    else:
        made = yield from with_index(table, statement.index, transaction)
        index = made.indexes[-1]
        portion = yield from _portion(made, index, transaction, FILLED_AT_ONCE)
        more = portion.more is not None
        if alone or not more:
            _put(portion, made, index, transaction, chance)
    if more and not alone:
        said = f"table {name} has more than {FILLED_AT_ONCE} rows: its index is built in several transactions"
        raise SqlError("25001", said, statement.index.at, "CREATE INDEX outside of BEGIN")
    return Filling(index.name, table.id, index.number) if more else None


def _goes_on(table: Table, index: Index, wanted: tree.IndexMade) -> bool:
    """Is it this index that somebody began to build?"""
    names = [table.columns[place].name for place in index.columns]
    return index.building and index.unique is wanted.unique and names == [each.name for each in wanted.columns]


def drop_index(statement: tree.DropIndex, schema: Schema, transaction: Transaction, chance: Chance) -> Flow[None]:
    """Raises 42704."""
    found = yield from schema.index(transaction, statement.name)
    if found is None:
        if statement.if_exists:
            return
        raise SqlError("42704", f"no index {statement.name}", statement.at, "DROP INDEX IF EXISTS")
    _drop(*found, transaction, chance)


def _drop(table: Table, index: Index, transaction: Transaction, chance: Chance) -> None:
    forget(table, index, transaction)
    drop(index_prefix(table.id, index.number), transaction)
    put_table(replace(table, indexes=tuple(each for each in table.indexes if each is not index)), transaction, chance)


def fill(filling: Filling, database: Database, schemas: Schemas, chance: Chance, progress: Progress) -> Flow[None]:
    """Fill an index to its end; `progress` is told how many rows have their entries, and the last time of how many.

    Raises 23505, and then the index is gone, or 42704 where somebody else dropped it.
    """

    def found(transaction: Transaction) -> Flow[tuple[Table, Index] | None]:
        schema = yield from schemas.now(transaction)
        pair = yield from schema.index(transaction, filling.name)
        if pair is None or (pair[0].id, pair[1].number) != (filling.table, filling.number):
            raise SqlError("42704", f"index {filling.name} was dropped while it was built")
        return pair if pair[1].building else None

    def remove(transaction: Transaction) -> Flow[None]:
        pair = yield from found(transaction)
        if pair is not None:
            _drop(*pair, transaction, chance)

    more = True
    while more:
        tries = 0

        def step(transaction: Transaction) -> Flow[tuple[int, bool]]:
            """A portion, and a smaller one whenever somebody wrote into it meanwhile."""
            nonlocal tries
            pair = yield from found(transaction)
            if pair is None:
                return 0, False
            portion = yield from _portion(*pair, transaction, max(1, FILLED_AT_ONCE >> tries))
            tries += 1
            _put(portion, *pair, transaction, chance)
            return portion.done, portion.more is not None

        try:
            done, more = yield from database.run(step)
        except SqlError as error:
            if error.state == "23505":
                yield from database.run(remove)
                yield from remove_dropped(database, progress)
            raise
        progress(done, None if more else done)


def _portion(table: Table, index: Index, transaction: Transaction, limit: int) -> Flow[Portion]:
    """The entries of the next rows. Raises 23505."""
    entries, of = Entries(table, index), taken(index.entry)
    fields = [Field(each.name, each.type, not each.not_null, place=at) for at, each in enumerate(table.columns)]
    stored = yield from transaction.get(filling_key(table.id, index.number))
    done, start = (0, table.prefix) if stored is None else decode_plain(stored)
    rows = yield from transaction.scan(start, past(table.prefix), limit)
    made: dict[bytes, bytes | None] = {}
    for row in scanned(table.layout, fields, None)(rows, ()):
        values = of(row)
        key = entries.key(values)
        if key in made:
            raise _twice(table, index)
        made[key] = entries.value(values)
    if index.unique:
        there = yield from transaction.get_many(made)
        for own, other in zip(made.values(), there, strict=True):
            if other is not None and other != own:  # an entry of this row is the same, down to its bytes
                raise _twice(table, index)
    return Portion(made, done + len(rows), rows[-1][0] + b"\x00" if len(rows) == limit else None)


def _put(portion: Portion, table: Table, index: Index, transaction: Transaction, chance: Chance) -> None:
    transaction.write(portion.entries)
    place = filling_key(table.id, index.number)
    if portion.more is not None:
        transaction.put(place, encode_plain((portion.done, portion.more)))
        if index.building:
            return  # which is known already
    else:
        transaction.delete(place)
    ready = replace(index, building=portion.more is not None)
    put_table(
        replace(table, indexes=tuple(ready if each is index else each for each in table.indexes)), transaction, chance
    )


def _twice(table: Table, index: Index) -> SqlError:
    return SqlError("23505", f"rows of table {table.name} have the same ({table.names(index.columns)})")
