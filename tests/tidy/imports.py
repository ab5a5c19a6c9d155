"""Each library and each system module has its owner; the Raft core has only the standard library."""

import ast
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from tests.tidy.owners import OWNERS
from tests.tidy.sources import PACKAGES, modules, parse


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, full module name) of every import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def foreign_imports(root: Path) -> list[str]:
    """Imports of a library or system module outside its owners, and libraries that nobody owns."""
    found = []
    for name, path in modules(root, *PACKAGES):
        for line, module in imported(parse(path)):
            top = module.split(".")[0]
            if top in PACKAGES:
                continue
            if module.startswith("."):
                found.append(f"{name}:{line}: relative import: write the whole name")
            elif top not in OWNERS:
                if top not in sys.stdlib_module_names:
                    found.append(f"{name}:{line}: {top} has no owner: decide it in tests/tidy/owners.py")
            elif not any(fnmatchcase(name, pattern) for pattern in OWNERS[top]):
                owners = ", ".join(OWNERS[top]) or "nobody"
                found.append(f"{name}:{line}: imports {top}, which belongs to {owners}")
    return found


def core_imports(root: Path) -> list[str]:
    """Floor 0 imports the standard library and itself."""
    found = []
    for name, path in modules(root, "node/raft"):
        for line, module in imported(parse(path)):
            inside = module == "node.raft" or module.startswith("node.raft.")
            if not inside and module.split(".")[0] not in sys.stdlib_module_names:
                found.append(f"{name}:{line}: floor 0 imports {module}: only the standard library is below it")
    return found
