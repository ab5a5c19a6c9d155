"""Code that nothing reaches: vulture's findings in the packages, where tests count as callers.

Owns the list of names that only somebody outside calls, each with its reason.
"""

from pathlib import Path

from vulture import Vulture

from tests.tidy.sources import PACKAGES

CONFIDENCE = 60  # percent
DECORATORS = ["@main.*", "@message*", "@pytest.fixture"]  # called by click; made by the codec; called by pytest

OUTSIDE = {
    "__getattr__": "Python calls it for names of a module that are imported late",
    "pytest_*": "pytest calls its hooks by their names",
    "list_commands": "click asks a group for it",
    "start_clock": "trio asks a clock for it",
    "deadline_to_sleep_time": "trio asks a clock for it",
    "__class__": "assigning it changes what an object is",
    "num_tickets": "the ssl module reads it",
    "SYSTEM": "a space of keys that is reserved",
    "HEX_STRINGS": "sqlglot's tokenizer reads it",
    "COMMANDS": "sqlglot's tokenizer reads it",
    "NO_PAREN_FUNCTIONS": "sqlglot's parser reads it",
    "CONSTRAINT_PARSERS": "sqlglot's parser reads it",
    "prec": "the decimal module reads it",
    "COORDINATION": "a space of keys that is reserved",
    "RECORD_KIND": "a kind of row in the order that the format fixes",
}


def dead_code(root: Path) -> list[str]:
    """Functions, classes, attributes and statements that nothing uses."""
    vulture = Vulture(ignore_names=[*OUTSIDE, "on_*"], ignore_decorators=DECORATORS)
    vulture.scavenge([str(root / name) for name in (*PACKAGES, "tests") if (root / name).exists()])
    found = []
    for item in vulture.get_unused_code(min_confidence=CONFIDENCE):
        name = Path(item.filename).resolve().relative_to(root.resolve()).as_posix()
        if not name.startswith("tests/") and not _is_empty_flow(Path(item.filename), item.first_lineno):
            found.append(f"{name}:{item.first_lineno}: {item.message}")
    return found


def _is_empty_flow(path: Path, line: int) -> bool:
    """A lone `yield` behind a `return` makes a function a flow that does nothing."""
    return path.read_text(encoding="utf-8").splitlines()[line - 1].strip() == "yield"
