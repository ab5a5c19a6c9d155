"""The function of a scan: from stored rows to tuples of the wanted columns, for which the condition holds.

Owns taking a row apart in generated code: first what the condition needs, then, if it holds, the rest.
Does not own the bytes (sql_lite_frontend/rows.py). Read next: sql_lite_frontend/plan.py.
"""

import ast
from collections.abc import Callable, Sequence
from typing import Any

from sql_lite_frontend import bound
from sql_lite_frontend.bound import Expression, Field
from sql_lite_frontend.expressions import GIVEN, ROWS, Code, call, load
from sql_lite_frontend.rows import FORMAT, MAKE, Layout

VALUE, NULLS, HEAD, OUT = "value", "nulls", "head", "out"
Stored = list[tuple[bytes, bytes]]
Scanned = Callable[[Stored, Sequence[Any]], list[tuple[Any, ...]]]


def nulls_in(head: bytes) -> int:
    """The bits of the columns that are NULL."""
    assert head[0] == FORMAT, f"a row of format {head[0]}, which this version does not know"
    return int.from_bytes(head[1:], "little")


def scanned(layout: Layout, fields: Sequence[Field], condition: Expression | None) -> Scanned:
    """(stored rows, parameters) -> tuples of these fields of a table."""
    first = list(bound.fields(condition))
    wanted = first + [each for each in fields if each not in first]
    places = sorted({each.place for each in wanted})
    struct, parts = layout.picker(places)
    code = Code({each: load(f"c{each.place}") for each in wanted})

    names: dict[int, str] = {0: HEAD}
    names |= {part: f"p{part}" for pair in parts.values() for part in pair if part > 0}
    unpack = ast.Assign(
        [ast.Tuple([ast.Name(names[part], ast.Store()) for part in sorted(names)], ast.Store())],
        call(code.keep(struct.unpack_from), load(VALUE)),
    )
    plain = ast.Compare(load(HEAD), [ast.Eq()], [ast.Constant(layout.plain)])
    nulls = _set(NULLS, ast.IfExp(plain, ast.Constant(0), call(code.keep(nulls_in), load(HEAD))))
    body: list[ast.stmt] = [unpack, nulls]

    def read(some: Sequence[Field]) -> None:
        body.extend(_set(f"c{each.place}", _part(code, layout, each, parts[each.place], names)) for each in some)

    read(first)
    if condition is not None:
        test = ast.UnaryOp(ast.Not(), code.true(condition))
        body.append(ast.If(test, [ast.Continue()], []))
    read(wanted[len(first) :])
    made = ast.Tuple([load(f"c{each.place}") for each in fields], ast.Load())
    body.append(ast.Expr(call("append", made)))
    target = ast.Tuple([ast.Name("key", ast.Store()), ast.Name(VALUE, ast.Store())], ast.Store())
    return code.function(
        (ROWS, GIVEN),
        [
            _set(OUT, ast.List([], ast.Load())),
            _set("append", ast.Attribute(load(OUT), "append", ast.Load())),
            ast.For(target, load(ROWS), body, []),
            ast.Return(load(OUT)),
        ],
    )


def _set(name: str, value: ast.expr) -> ast.Assign:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _part(code: Code, layout: Layout, field: Field, part: tuple[int, int], names: dict[int, str]) -> ast.expr:
    """A column's value from what was unpacked."""
    end, start = part
    if layout.varies(field.place):
        data = ast.Constant(layout.data_at)
        lower = data if start < 0 else ast.BinOp(data, ast.Add(), load(names[start]))
        upper = ast.BinOp(ast.Constant(layout.data_at), ast.Add(), load(names[end]))
        made: ast.expr = ast.Subscript(load(VALUE), ast.Slice(lower, upper), ast.Load())
    else:
        made = load(names[end])
    make = MAKE.get(field.type)
    if make is not None:
        made = call(code.keep(make), made)
    if not field.nullable:
        return made
    bit = ast.BinOp(load(NULLS), ast.BitAnd(), ast.Constant(1 << field.place))
    return ast.IfExp(bit, ast.Constant(None), made)
