"""The fixture as pytest's users meet it: in a pytest of its own, on a file of its own."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TESTS = """
import argosy
import argosy.testing
import pytest
import trio

def test_plain(argosy_cluster):
    with argosy_cluster(nodes=3) as c:
        c.database["k"] = "v"
        assert c.seed == argosy_cluster.seed

def test_trio(argosy_cluster):
    async def main():
        async with argosy_cluster() as c:
            await c.database.put("k", "v")
            assert c.seed == argosy_cluster.seed
    trio.run(main)

def test_run(argosy_cluster):
    async def main(c):
        await trio.sleep(3600 * 0.001)
        return c.seed, len(c.nodes)
    assert argosy_cluster.run(main, nodes=1) == (argosy_cluster.seed, 1)

@pytest.mark.argosy_seed(42)
def test_mark(argosy_cluster):
    assert argosy_cluster.seed == 42

def test_fails(argosy_cluster):
    with argosy_cluster() as c:
        assert c.now < 0, f"now {c.now!r}"

def test_fails_without():
    assert False
"""


def pytest_on(path, *arguments):
    """Run it where there is no configuration of ours."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-p", "argosy.plugin", "-p", "no:cacheprovider", "--color=no"]
    done = subprocess.run(
        [*command, *arguments], cwd=path, env=environment, capture_output=True, text=True, timeout=900
    )
    return done.stdout + done.stderr


@pytest.fixture
def path(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    return tmp_path


def seed_lines(said):
    return [line for line in said.splitlines() if line.startswith("seed ")]


def test_a_failure_prints_the_seed_that_replays_it(path):
    said = pytest_on(path, "--strict-markers")
    assert "2 failed, 4 passed" in said, said
    (line,) = seed_lines(said)
    seed, again = line.removeprefix("seed ").split("; again: pytest ")
    assert again == f"'test_it.py::test_fails' --argosy-seed={seed}"
    (moment,) = {part.split("AssertionError: ")[1] for part in said.splitlines() if "AssertionError: now" in part}
    replayed = pytest_on(path, "test_it.py::test_fails", f"--argosy-seed={seed}")
    assert moment in replayed
    assert seed_lines(replayed) == [line]
    assert moment not in pytest_on(path, "test_it.py::test_fails", f"--argosy-seed={int(seed) + 1}")


def test_pytest_finds_it_by_itself():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"argosy.plugin": "argosy.plugin"}  # also the name of `-p`


def test_the_option_goes_before_the_mark(path):
    said = pytest_on(path, "test_it.py::test_mark", "--argosy-seed=43")
    assert "assert 43 == 42" in said
    (line,) = seed_lines(said)
    assert line.startswith("seed 43;")


def test_a_pytest_without_such_tests_imports_nothing_of_the_simulation(path):
    (path / "test_it.py").write_text(
        "import sys\ndef test_it():\n    assert 'argosy.testing' not in sys.modules\n", encoding="utf-8"
    )
    assert "1 passed" in pytest_on(path)
