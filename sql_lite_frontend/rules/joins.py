"""Joins: by which keys, and in which way.

Owns choose_joins. Read next: sql_lite_frontend/rules/orders.py.
"""

from dataclasses import replace
from typing import Any

from sql_lite_frontend import bound, plan
from sql_lite_frontend.bound import Expression, Field, Operation, join_and, parts_of_and
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
