"""Each check bites: a small project with one fault, and the finding that it must give."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.tidy import dead, imports, prose, sizes
from tests.tidy.sources import PACKAGES

ROOT = Path(__file__).resolve().parents[2]


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


CASES = [
    (sizes.long_files, "node/long.py", "x = 1\n" * 401, "401 lines"),
    (sizes.long_files, "tests/test_long.py", "x = 1\n" * 401, "401 lines"),
    (sizes.long_functions, "txn/long.py", "def run():\n" + "    x = 1\n" * 50, "run has 51 lines"),
    (imports.foreign_imports, "ranges/disk.py", "import lmdb\n", "imports lmdb"),
    (imports.foreign_imports, "node/host.py", "def now():\n    from time import monotonic\n", "imports time"),
    (imports.foreign_imports, "txn/new.py", "import numpy\n", "numpy has no owner"),
    (imports.foreign_imports, "txn/near.py", "from . import new\n", "relative import"),
    (imports.core_imports, "node/raft/core.py", "from node import codec\n", "floor 0 imports node"),
    (imports.core_imports, "node/raft/log.py", "import sortedcontainers\n", "floor 0 imports sortedcontainers"),
    (prose.broken_references, "README.md", "see node/absent.py\n", "node/absent.py does not exist"),
    (prose.broken_references, "txn/a.py", '"""Read next: txn/a.py:Gone."""\n', "txn/a.py:Gone does not exist"),
    (prose.broken_references, "txn/a.py", "class A:\n    x = 1\n# txn/a.py:A.y\n", "txn/a.py:A.y does not exist"),
    (prose.unfinished_words, "txn/a.py", "# TO" + "DO: later\n", "open an issue"),
    (prose.unlisted_traps, "txn/a.py", '"""As it says (traps 1, 99)."""\n', "no trap 99 in ARCHITECTURE.md"),
    (prose.sleeping_tests, "tests/txn/test_a.py", "import time\ntime.sleep(1)\n", "time.sleep in a test"),
    (prose.missing_markers, "txn/a.py", "", "py.typed: missing"),
]


@pytest.mark.parametrize(("check", "name", "text", "finding"), CASES)
def test_a_fault_is_found(tmp_path, check, name, text, finding):
    write(tmp_path, name, text)
    assert any(finding in each for each in check(tmp_path))


GOOD = [
    (sizes.long_files, "node/long.py", "x = 1\n" * 400),
    (sizes.long_functions, "txn/long.py", "def run():\n" + "    x = 1\n" * 49),
    (imports.foreign_imports, "node/codec.py", "import cbor2\nimport struct\n"),
    (imports.core_imports, "node/raft/core.py", "from node.raft import log\nimport heapq\n"),
    (prose.broken_references, "txn/a.py", '"""See txn/a.py:A.y."""\nclass A:\n    y: int = 1\n'),
    (prose.sleeping_tests, "tests/live/test_a.py", "import time\ntime.sleep(1)\n"),
]


@pytest.mark.parametrize(("check", "name", "text"), GOOD)
def test_what_is_allowed_is_not_found(tmp_path, check, name, text):
    write(tmp_path, name, text)
    assert check(tmp_path) == []


def skeleton(root: Path) -> None:
    for package in PACKAGES:
        write(root, f"{package}/__init__.py", "")
    for module in ("host", "group"):
        write(root, f"node/{module}.py", "")
    write(root, "node/raft/__init__.py", "")
    shutil.copy(ROOT / "pyproject.toml", root / "pyproject.toml")


def lint_imports(root: Path) -> str:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False).stdout


@pytest.mark.parametrize(
    ("name", "text", "finding"),
    [
        ("node/host.py", "import ranges\n", "node is not allowed to import ranges"),
        ("ranges/__init__.py", "from argosy import x\n", "ranges is not allowed to import argosy"),
        ("node/raft/__init__.py", "import node.host\n", "node.raft is not allowed to import node.host"),
        ("txn/__init__.py", "import ranges\n", "2 kept, 0 broken"),
    ],
)
def test_the_floors_hold(tmp_path, name, text, finding):
    skeleton(tmp_path)
    write(tmp_path, name, text)
    assert finding in lint_imports(tmp_path)


def test_dead_code_is_found(tmp_path):
    write(tmp_path, "txn/a.py", "def nobody_calls():\n    return 1\n\ndef test_calls():\n    return 2\n")
    write(tmp_path, "tests/test_a.py", "from txn import a\n\ndef unused_in_tests():\n    return a.test_calls()\n")
    assert dead.dead_code(tmp_path) == ["txn/a.py:1: unused function 'nobody_calls'"]


def test_an_empty_flow_is_not_dead(tmp_path):
    write(tmp_path, "txn/a.py", "def flow():\n    return\n    yield\n\nflow()\n")
    assert dead.dead_code(tmp_path) == []


def test_every_package_of_the_project_is_looked_at():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert set(settings["importlinter"]["root_packages"]) == set(PACKAGES)
    assert set(settings["mypy"]["files"]) == set(PACKAGES)
