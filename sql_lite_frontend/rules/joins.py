"""Joins: by which keys, and in which way.

Owns choose_joins. Read next: sql_lite_frontend/rules/orders.py.
"""

from dataclasses import replace
from typing import Any

from sql_lite_frontend import bound, plan
from sql_lite_frontend.binder import compare
from sql_lite_frontend.bound import Expression, Field, Operation, join_and, parts_of_and
from sql_lite_frontend.rules.spans import readable
from sql_lite_frontend.rules.walking import upwards


def choose_joins(root: Any) -> Any:
    """Equal fields of both sides become the keys of a join, and the way of the join is chosen."""
    return upwards(root, lambda node: _join(node) if isinstance(node, plan.Join) else node)


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
    """Fetch right rows one by one where keys are known and the left side is only a part of a table.

    Otherwise both tables are read from end to end, which costs less for each row. A whole key is preferred, then more
    leading columns of one, then the primary key; what is equal beside them is asked of the pairs.
    """
    right = node.right
    if not isinstance(right, plan.Scan) or not _is_part(node.left):
        return None
    pairs = [
        (left, key)
        for left, key in zip(node.left_keys, node.right_keys, strict=True)
        if isinstance(key, Field) and left.type is key.type
    ]
    best: tuple[Any, ...] | None = None
    for index in readable(right.table):
        used: list[tuple[Expression, Expression]] = []
        for place in plan.key_places(right.table, index):
            found = next((pair for pair in pairs if pair[1] is right.fields[place]), None)
            if found is None:
                break
            used.append(found)
        whole = plan.is_whole_key(right.table, index, len(used))
        rank = (whole and index is None, whole, len(used))
        if used and (whole or right.span.whole) and (best is None or rank > best[0]):
            best = (rank, index, used)
    if best is None:
        return None
    _, index, used = best
    both = zip(node.left_keys, node.right_keys, strict=True)
    rest = [compare("=", left, key, -1) for left, key in both if not any(key is each for _, each in used)]
    return replace(
        node,
        right=replace(right, span=plan.Span(), index=index, condition=right.said),
        condition=join_and((*parts_of_and(node.condition), *rest)),
        left_keys=tuple(left for left, _ in used),
        right_keys=tuple(key for _, key in used),
        lookup=True,
    )


def _is_part(node: Any) -> bool:
    while isinstance(node, plan.Join | plan.Filter):
        node = node.left if isinstance(node, plan.Join) else node.source
    return isinstance(node, plan.Listed) or (isinstance(node, plan.Scan) and not node.span.whole)
