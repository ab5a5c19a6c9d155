"""The planner: named rules, applied in a stated order, each from a plan to a plan with the same rows.

Owns the rules and their order. There are no statistics: what a rule chooses depends on the statement and the
primary keys alone, so the same text has the same plan. Does not own the literal plan (sql_lite_frontend/queries.py)
nor its execution (sql_lite_frontend/operators.py). Read next: sql_lite_frontend/operators.py.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from sql_lite_frontend import bound, plan
from sql_lite_frontend.bound import Constant, Expression, Field, Operation, Parameter, join_and, parts_of_and
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.expressions import single
from sql_lite_frontend.rows import FIXED
from sql_lite_frontend.types import NUMBERS, Type

Rule = Callable[[Any], Any]
TURNED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def planned(root: Any) -> Any:
    """The plan after all rules."""
    for rule in RULES:
        root = rule(root)
    return root


def _upwards(node: Any, change: Rule) -> Any:
    """The plan, with `change` applied to every node, sources first."""
    return change(_below(node, lambda each: _upwards(each, change)))


def _below(node: Any, change: Rule) -> Any:
    """The node, with its sources changed."""
    news = {name: change(getattr(node, name)) for name in plan.SOURCES if hasattr(node, name)}
    return replace(node, **news) if news else node


# -- fold_constants --------------------------------------------------------------------------------------------------


def fold_constants(root: Any) -> Any:
    """Compute what depends on nothing. What would fail is left, to fail only if it is reached."""
    return _upwards(root, lambda node: _with_expressions(node, _fold))


def _with_expressions(node: Any, change: Callable[[Expression], Expression]) -> Any:
    match node:
        case plan.Filter() | plan.Join() if node.condition is not None:
            return replace(node, condition=change(node.condition))
        case plan.Project():
            return replace(node, expressions=tuple(map(change, node.expressions)))
        case plan.Listed():
            return replace(node, rows=tuple(tuple(map(change, row)) for row in node.rows))
        case plan.Group():
            aggregates = (
                each if each.argument is None else replace(each, argument=change(each.argument))
                for each in node.aggregates
            )
            return replace(node, keys=tuple(map(change, node.keys)), aggregates=tuple(aggregates))
    return node


def _fold(expression: Expression) -> Expression:
    if not isinstance(expression, Operation):
        return expression
    made = replace(expression, arguments=tuple(map(_fold, expression.arguments)))
    if not all(isinstance(each, Constant) for each in made.arguments):
        return made
    try:
        return Constant(single(made)(()), made.type)
    except SqlError:
        return made


# -- push_filters ----------------------------------------------------------------------------------------------------


def push_filters(root: Any) -> Any:
    """Each part of a condition goes down to where all of its fields are; into a scan at best.

    Not to the right of an outer join from above: there it would hide that a left row has no partner.
    """
    return _upwards(root, _push_filter)


def _push_filter(node: Any) -> Any:
    if isinstance(node, plan.Filter):
        return _push(node.source, parts_of_and(node.condition))
    if isinstance(node, plan.Join) and node.condition is not None:
        left, right, rest = _sides(node, parts_of_and(node.condition))
        if node.outer:
            left, rest = (), (*left, *rest)
        return replace(
            node, left=_push(node.left, left), right=_push(node.right, right), condition=join_and(tuple(rest))
        )
    return node


def _sides(node: plan.Join, parts: Iterable[Expression]) -> tuple[Any, Any, Any]:
    """Of these parts: those of the left side alone, of the right side alone, and the rest."""
    left: list[Expression] = []
    right: list[Expression] = []
    rest: list[Expression] = []
    for part in parts:
        used = bound.fields(part)
        if used and all(each in node.left.fields for each in used):
            left.append(part)
        elif used and all(each in node.right.fields for each in used):
            right.append(part)
        else:
            rest.append(part)
    return tuple(left), tuple(right), tuple(rest)


def _push(node: Any, parts: tuple[Expression, ...]) -> Any:
    if not parts:
        return node
    match node:
        case plan.Scan():
            return replace(node, condition=join_and((*parts_of_and(node.condition), *parts)))
        case plan.Join():
            left, right, rest = _sides(node, parts)
            if node.outer:
                right, rest = (), (*right, *rest)
            made: Any = replace(node, left=_push(node.left, left), right=_push(node.right, right))
            if not rest:
                return made
            if node.outer:
                return plan.Filter(made, _joined(rest))
            return replace(made, condition=join_and((*parts_of_and(made.condition), *rest)))
        case plan.Filter():
            return _push(node.source, (*parts_of_and(node.condition), *parts))
    return plan.Filter(node, _joined(parts))


def _joined(parts: tuple[Expression, ...]) -> Expression:
    made = join_and(parts)
    assert made is not None, "there are parts to join"
    return made


# -- choose_spans ----------------------------------------------------------------------------------------------------


def choose_spans(root: Any) -> Any:
    """What a scan's condition says of the primary key becomes the span that is read."""
    return _upwards(root, lambda node: _span(node) if isinstance(node, plan.Scan) else node)


def _span(scan: plan.Scan) -> plan.Scan:
    rest = list(parts_of_and(scan.condition))
    equal: list[Expression] = []
    ends: dict[str, plan.Bound] = {}
    for place in scan.table.key:
        field = scan.fields[place]
        found = next((each for each in _ends(rest, field) if each[0] == "="), None)
        if found is not None:
            equal.append(found[1])
            _take(rest, found[2], field)
            continue
        for name, value, part in _ends(rest, field):
            side = "low" if name[0] == ">" else "high"
            if side not in ends:
                ends[side] = plan.Bound(value, name.endswith("="))
                _take(rest, part, field)
        break
    return replace(scan, span=plan.Span(tuple(equal), **ends), condition=join_and(tuple(rest)))


def _take(rest: list[Expression], part: Expression, field: Field) -> None:
    """The span stands for this part; but where a key may be too long to be exact, the part is looked at again."""
    if field.type in FIXED:
        rest.remove(part)


def _ends(parts: Iterable[Expression], field: Field) -> list[tuple[str, Expression, Expression]]:
    """What is said of a field: comparison, value, and the part that says it. The value has the field's type."""
    found: list[tuple[str, Expression, Expression]] = []
    for part in parts:
        if not isinstance(part, Operation) or part.name not in TURNED:
            continue
        left, right = part.arguments
        name = part.name
        if left is not field:
            left, right, name = right, left, TURNED[name]
        if left is field and right.type is field.type and not bound.fields(right):
            found.append((name, right, part))
    return found


# -- choose_joins ----------------------------------------------------------------------------------------------------


def choose_joins(root: Any) -> Any:
    """Equal fields of both sides become the keys of a join, and the way of the join is chosen."""
    return _upwards(root, lambda node: _join(node) if isinstance(node, plan.Join) else node)


def _join(node: plan.Join) -> plan.Join:
    pairs: list[tuple[Expression, Expression]] = []
    rest: list[Expression] = []
    for part in parts_of_and(node.condition):
        pair = _pair(node, part)
        if pair is None:
            rest.append(part)
        else:
            pairs.append(pair)
    made = replace(
        node,
        condition=join_and(tuple(rest)),
        left_keys=tuple(left for left, _ in pairs),
        right_keys=tuple(right for _, right in pairs),
    )
    return _looked_up(made) or made


def _pair(node: plan.Join, part: Expression) -> tuple[Expression, Expression] | None:
    """The sides of `left = right`, whichever is written first."""
    if not isinstance(part, Operation) or part.name != "=":
        return None
    for first, second in (part.arguments, part.arguments[::-1]):
        of_left, of_right = bound.fields(first), bound.fields(second)
        sides = ((of_left, node.left.fields), (of_right, node.right.fields))
        if all(used and all(each in fields for each in used) for used, fields in sides):
            return first, second
    return None


def _looked_up(node: plan.Join) -> plan.Join | None:
    """Fetch right rows one by one where their whole key is known and the left side is only a part of a table.

    Otherwise both tables are read from end to end, which costs less for each row.
    """
    right = node.right
    if not isinstance(right, plan.Scan) or not right.span.whole or not _is_part(node.left):
        return None
    places = {key: at for at, key in enumerate(node.right_keys) if isinstance(key, Field)}
    wanted = [right.fields[place] for place in right.table.key]
    if any(each not in places for each in wanted) or len(places) != len(node.right_keys):
        return None
    left = [node.left_keys[places[each]] for each in wanted]
    if len(left) != len(node.left_keys) or any(a.type is not b.type for a, b in zip(left, wanted, strict=True)):
        return None
    return replace(node, left_keys=tuple(left), right_keys=tuple(wanted), lookup=True)


def _is_part(node: Any) -> bool:
    while isinstance(node, plan.Join | plan.Filter):
        node = node.left if isinstance(node, plan.Join) else node.source
    return isinstance(node, plan.Listed) or (isinstance(node, plan.Scan) and not node.span.whole)


# -- drop_sorts ------------------------------------------------------------------------------------------------------


def drop_sorts(root: Any) -> Any:
    """Rows that come in the wanted order from a scan, forwards or backwards, are not sorted again."""
    return _upwards(root, lambda node: _sorted(node) if isinstance(node, plan.Sort) else node)


def _sorted(sort: plan.Sort) -> Any:
    source = sort.source
    if not isinstance(source, plan.Project) or not isinstance(source.source, plan.Scan):
        return sort
    scan = source.source
    if scan.point:
        return source
    values = dict(zip(source.fields, source.expressions, strict=True))
    fixed = len(scan.span.equal)
    places = scan.table.key[fixed:]
    ways = {key.descending for key in sort.keys}
    wanted = [values[key.field] for key in sort.keys]
    if len(ways) > 1 or len(wanted) > len(places):
        return sort
    if any(each is not scan.fields[place] for each, place in zip(wanted, places, strict=False)):
        return sort
    return replace(source, source=replace(scan, reverse=ways == {True}))


# -- push_limits -----------------------------------------------------------------------------------------------------


def push_limits(root: Any) -> Any:
    """A limit tells a sort to keep no more rows than that, and a scan to read no more at once."""
    return _upwards(root, lambda node: _limit(node) if isinstance(node, plan.Limit) else node)


def _limit(node: plan.Limit) -> Any:
    if node.limit is None or node.limit.nullable:
        return node
    few = node.limit
    if node.offset is not None:
        if node.offset.nullable or not isinstance(node.offset, Constant | Parameter):
            return node
        few = Operation("+", (few, node.offset), Type.INTEGER, False, lambda limit, offset: limit + max(0, offset))
    return replace(node, source=_few(node.source, few))


def _few(node: Any, few: Expression) -> Any:
    match node:
        case plan.Sort() | plan.Scan():
            return replace(node, few=few)
        case plan.Project():
            return replace(node, source=_few(node.source, few))
    return node


# -- choose_columns --------------------------------------------------------------------------------------------------


def choose_columns(root: Any) -> Any:
    """A scan takes only those columns out of a row that somebody above it needs."""
    return _needing(root, dict.fromkeys(root.fields) if hasattr(root, "fields") else {})


def _needing(node: Any, needed: dict[Field, None]) -> Any:
    match node:
        case plan.Scan():
            return replace(node, fields=tuple(each for each in node.fields if each in needed))
        case plan.Filter():
            inner = needed | bound.fields(node.condition)
        case plan.Join():
            inner = needed | bound.fields(node.condition, *node.left_keys, *node.right_keys)
        case plan.Project():
            inner = bound.fields(*node.expressions)
        case plan.Group():
            inner = bound.fields(*node.keys, *(each.argument for each in node.aggregates))
        case plan.Sort():
            inner = needed | dict.fromkeys(key.field for key in node.keys)
        case plan.Limit():
            inner = needed
        case _:
            inner = dict.fromkeys(node.source.fields) if hasattr(node, "source") else {}
    return _below(node, lambda each: _needing(each, inner))


RULES: tuple[Rule, ...] = (
    fold_constants,  # first: what the others look at is then as plain as it can be
    push_filters,  # before spans and joins, which look at conditions where they have arrived
    choose_spans,  # before joins: a lookup is for a left side that is a part of a table
    choose_joins,
    drop_sorts,  # before limits: a limit goes through where no sort is left
    push_limits,
    choose_columns,  # last: conditions that became spans need their columns no more
)

assert set(NUMBERS) - set(FIXED) == {Type.NUMERIC}, "a REAL and an INTEGER have keys of limited length"
