"""The planner's rules, each from a plan to a plan with the same rows (sql_lite_frontend/planner.py has their order).

    projections.py   merge_projections
    conditions.py    fold_constants, push_filters
    spans.py         choose_spans
    joins.py         choose_joins
    orders.py        drop_sorts, push_limits
    columns.py       choose_columns

A rule looks at the plan alone: there are no statistics. A node of sql_lite_frontend/plan.py holds its sources in the
attributes that `plan.SOURCES` names: so every rule walks through it, and leaves it as it is unless it is told more.
Read next: sql_lite_frontend/rules/walking.py.
"""
