"""The planner: named rules, applied in a stated order, each from a plan to a plan with the same rows.

Owns the order of the rules, which are in sql_lite_frontend/rules. There are no statistics: what a rule chooses depends
on the statement and the keys alone, so the same text has the same plan. Does not own the literal plan
(sql_lite_frontend/queries.py) nor its execution (sql_lite_frontend/operators.py). Read next:
sql_lite_frontend/rules/__init__.py.
"""

from typing import Any

from sql_lite_frontend.rules.columns import choose_columns
from sql_lite_frontend.rules.conditions import fold_constants, push_filters
from sql_lite_frontend.rules.joins import choose_joins
from sql_lite_frontend.rules.orders import drop_sorts, push_limits
from sql_lite_frontend.rules.projections import merge_projections
from sql_lite_frontend.rules.spans import choose_spans
from sql_lite_frontend.rules.walking import Rule

RULES: tuple[Rule, ...] = (
    fold_constants,  # first: what the others look at is then as plain as it can be
    push_filters,  # before spans and joins, which look at conditions where they have arrived
    merge_projections,  # conditions have gone through; what follows looks for the scan below a projection
    choose_spans,  # before joins: a lookup is for a left side that is a part of a table
    choose_joins,
    drop_sorts,  # before limits: a limit goes through where no sort is left
    push_limits,
    choose_columns,  # last: conditions that became spans need their columns no more
)


def planned(root: Any) -> Any:
    """The plan after all rules."""
    for rule in RULES:
        root = rule(root)
    return root
