"""Walking over plans: what all rules use.

Does not own any rule. Read next: sql_lite_frontend/rules/conditions.py.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sql_lite_frontend import plan

Rule = Callable[[Any], Any]


def upwards(node: Any, change: Rule) -> Any:
    """The plan, with `change` applied to every node, sources first."""
    return change(below(node, lambda each: upwards(each, change)))


def below(node: Any, change: Rule) -> Any:
    """The node, with its sources changed."""
    news = {name: change(getattr(node, name)) for name in plan.SOURCES if hasattr(node, name)}
    return replace(node, **news) if news else node
