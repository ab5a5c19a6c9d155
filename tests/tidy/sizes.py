"""A file fits on two screens, a function on one."""

import ast
from pathlib import Path

from tests.tidy.sources import PACKAGES, modules, parse

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50


def long_files(root: Path) -> list[str]:
    """Files over the limit, tests included."""
    found = []
    for name, path in modules(root):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > FILE_LINES_MAX:
            found.append(f"{name}:1: {lines} lines, at most {FILE_LINES_MAX}: split it by what its parts own")
    return found


def long_functions(root: Path) -> list[str]:
    """Functions over the limit, in the packages."""
    found = []
    for name, path in modules(root, *PACKAGES):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    found.append(f"{name}:{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}")
    return found
