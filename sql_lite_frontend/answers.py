"""Subqueries at work: their answers, once for a statement or once for each combination of values from outside.

An answer that fails for the values in it (classes 21 and 22) fails only where it is used: a CASE may pass it by.
Owns answers and the memory that they take. Does not own their plans (sql_lite_frontend/subqueries.py).
Read next: sql_lite_frontend/operators.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from node.flow import Flow
from sql_lite_frontend import plan
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.expressions import Among, OnRows, Rows, tuples
from sql_lite_frontend.limits import HELD_BYTES_MAX
from sql_lite_frontend.operators import Execution, Held, Maker, Operator, row_bytes

LATER = ("21", "22")  # classes of errors that are an answer
Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A subquery that is answered before its statement, and which parameter the answer is."""

    form: str
    place: int
    make: Maker


def answered(answers: Sequence[Answer], more: int, execution: Execution) -> Flow[Execution]:
    """The execution with the answers of all subqueries that need nothing from outside."""
    given = [*execution.given, *(None,) * more]
    made = Execution(execution.transaction, given)
    for each in answers:
        given[each.place] = yield from answer(each.form, each.make(made))
    return made


def answer(form: str, source: Operator) -> Flow[Any]:
    """What the rows of a subquery say: one value, whether there is one, or all of them."""
    try:
        if form == "in":
            return (yield from _all(source))
        rows = yield from _some(source, 1 if form == "exists" else 2)
        if form == "exists":
            return bool(rows)
        if len(rows) > 1:
            raise SqlError("21000", "a subquery as a value gave more than one row", hint="LIMIT 1, or IN")
        return rows[0][0] if rows else None
    except SqlError as error:
        if error.state[:2] in LATER:
            return error
        raise


def _some(source: Operator, count: int) -> Flow[Rows]:
    found: Rows = []
    while len(found) < count:
        rows = yield from source.next()
        if rows is None:
            break
        found += rows
    return found


def _all(source: Operator) -> Flow[Among]:
    held, found = Held("a subquery of IN"), set[Any]()
    while True:
        rows = yield from source.next()
        if rows is None:
            return Among(frozenset(found - {None}), None in found)
        fresh = {row for row in rows if row[0] not in found}
        held.add(list(fresh))
        found.update(row[0] for row in fresh)


class Apply:
    """Each row, and behind it the answer of a subquery for some of its values.

    1. A subquery is carried out once for each combination of values, as long as its answers may be held.
    """

    def __init__(self, execution: Execution, source: Operator, node: plan.Apply, keys: OnRows, query: Maker) -> None:
        self._execution = execution
        self._source = source
        self._form, self._places = node.form, node.places
        self._keys = keys
        self._query = query
        self._answers: dict[Values, Any] = {}
        self._bytes = 0
        self.over = False

    def next(self) -> Flow[Rows | None]:
        """The next rows."""
        rows = yield from self._source.next()
        self.over = self._source.over
        if rows is None:
            return None
        keys = self._keys(rows, self._execution.given)
        wanted = dict.fromkeys(keys)
        for key in wanted:
            if key not in self._answers:
                found = yield from self._answer(key)
                self._keep(key, found, wanted)
        answers = self._answers
        return [(*row, answers[key]) for row, key in zip(rows, keys, strict=True)]

    def _answer(self, key: Values) -> Flow[Any]:
        given = list(self._execution.given)
        for place, value in zip(self._places, key, strict=True):
            given[place] = value
        return (yield from answer(self._form, self._query(Execution(self._execution.transaction, given))))

    def _keep(self, key: Values, found: Any, wanted: dict[Values, None]) -> None:
        """Hold an answer; where they are too many, only those that these rows need. Raises 53200."""
        self._answers[key] = found
        self._bytes += _bytes(key, found)
        if self._bytes > HELD_BYTES_MAX:
            self._answers = {each: made for each, made in self._answers.items() if each in wanted}
            self._bytes = sum(_bytes(each, made) for each, made in self._answers.items())
            if self._bytes > HELD_BYTES_MAX:
                raise SqlError("53200", f"answers of a subquery hold at most {HELD_BYTES_MAX >> 20} MiB")


def _bytes(key: Values, found: Any) -> int:
    some = next(iter(found.values), None) if isinstance(found, Among) else found
    count = len(found.values) if isinstance(found, Among) else 1
    return row_bytes(key) + count * row_bytes((some,))


def apply_maker(node: plan.Apply, source: Maker, query: Maker) -> Maker:
    """An apply."""
    keys = tuples(node.arguments, node.source.fields)
    return lambda execution: Apply(execution, source(execution), node, keys, query)
