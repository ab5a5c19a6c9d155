"""Prose that points at code points at code that exists; nothing is left half done; tests do not sleep."""

import ast
import re
from pathlib import Path

from tests.tidy.sources import PACKAGES, modules, parse

PAGES = ("README.md", "ARCHITECTURE.md")
REFERENCE = re.compile(r"(?<![\w/.-])((?:\w+/)+\w+\.py)(?::([A-Za-z_]\w*(?:\.\w+)*))?")
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
TRAPS = re.compile(r"\btraps:? (\d+(?:, \d+)*)")
LISTED = re.compile(r"^\| (\d+) \| ", re.MULTILINE)
SLEEPERS = ("time.sleep", "trio.sleep", "asyncio.sleep")
MAY_SLEEP = ("tests/live/", "tests/argosy/test_testing_trio.py")  # real processes; simulated time


def broken_references(root: Path) -> list[str]:
    """`path.py` and `path.py:Symbol.name` in pages, docstrings and comments that do not resolve."""
    found = []
    texts = [(name, root / name) for name in PAGES if (root / name).exists()]
    texts += modules(root, *PACKAGES, "tests")
    for name, path in texts:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for match in REFERENCE.finditer(line):
                if not _about_examples(name) and not _resolves(root, match[1], match[2]):
                    found.append(f"{name}:{number}: {match[0]} does not exist")
    return found


def _about_examples(name: str) -> bool:
    return name.startswith("tests/tidy/")


def _resolves(root: Path, file: str, symbol: str | None) -> bool:
    path = root / file
    if not path.is_file():
        return False
    scope: list[ast.stmt] = parse(path).body
    for part in symbol.split(".") if symbol else ():
        named = [each for each in scope if part in _names(each)]
        if not named:
            return False
        scope = getattr(named[0], "body", [])
    return True


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    if isinstance(node, ast.Assign):
        return [each.id for each in node.targets if isinstance(each, ast.Name)]
    return []


def unfinished_words(root: Path) -> list[str]:
    """Marks of work that somebody meant to do later."""
    found = []
    for name, path in modules(root):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = UNFINISHED.search(line)
            if match:
                found.append(f"{name}:{number}: {match[0]}: do it, or open an issue")
    return found


def unlisted_traps(root: Path) -> list[str]:
    """Traps that are cited by a number which ARCHITECTURE.md does not list."""
    page = root / PAGES[1]
    listed = set(LISTED.findall(page.read_text(encoding="utf-8"))) if page.exists() else set()
    found = []
    for name, path in modules(root, *PACKAGES, "tests"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            cited = [each for match in TRAPS.finditer(line) for each in match[1].split(", ")]
            if not _about_examples(name):
                found += [f"{name}:{number}: no trap {each} in {PAGES[1]}" for each in cited if each not in listed]
    return found


def sleeping_tests(root: Path) -> list[str]:
    """Tests that let time pass for real: they are slow, and depend on the machine's speed."""
    found = []
    for name, path in modules(root, "tests"):
        if name.startswith(MAY_SLEEP):
            continue
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in SLEEPERS:
                found.append(f"{name}:{node.lineno}: {ast.unparse(node.func)} in a test: wait for the condition")
    return found


def missing_markers(root: Path) -> list[str]:
    """Packages whose types a user's type checker would not see."""
    return [f"{name}/py.typed: missing" for name in PACKAGES if not (root / name / "py.typed").exists()]
