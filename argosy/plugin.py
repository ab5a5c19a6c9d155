"""Pytest's way to a simulated cluster: the fixture `argosy_cluster`, whose seed a failure prints.

Owns the seed of a test: `--argosy-seed`, or the mark `argosy_seed`, or made from the test's name. Loaded by pytest
itself, through the entry point in pyproject.toml, so it imports nothing of Argosy before a test wants it.
Does not own the cluster. Read next: argosy/testing/__init__.py.
"""

from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar
from zlib import crc32

import pytest

if TYPE_CHECKING:
    from argosy.opening import Opening
    from argosy.testing import AsyncSimulatedCluster, SimulatedCluster

SEED: "pytest.StashKey[int]" = pytest.StashKey()
T = TypeVar("T")


class Clusters:
    """Makes clusters with one test's `seed`."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, nodes: int = 3) -> "Opening[SimulatedCluster, AsyncSimulatedCluster]":
        """As `argosy.testing.cluster`."""
        from argosy import testing

        return testing.cluster(nodes, self.seed)

    def run(self, main: "Callable[[AsyncSimulatedCluster], Awaitable[T]]", *, nodes: int = 3) -> T:
        """As `argosy.testing.run`."""
        from argosy import testing

        return testing.run(main, nodes=nodes, seed=self.seed)


@pytest.fixture
def argosy_cluster(request: pytest.FixtureRequest) -> Clusters:
    """`with argosy_cluster(nodes=3) as c:`, or `async with`, or `argosy_cluster.run(main)`: see argosy.testing."""
    seed = request.node.stash[SEED] = _seed(request)
    return Clusters(seed)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that replays a failure."""
    group = parser.getgroup("argosy")
    group.addoption("--argosy-seed", type=int, help="the seed of every simulated cluster, to replay a failure")


def pytest_configure(config: pytest.Config) -> None:
    """The mark that gives a test its seed."""
    config.addinivalue_line("markers", "argosy_seed(number): the seed of this test's simulated clusters")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, pytest.TestReport]:
    """A failure says how it is replayed."""
    report: pytest.TestReport = yield
    if report.failed and SEED in item.stash:
        seed = item.stash[SEED]
        report.sections.append(("argosy", f"seed {seed}; again: pytest '{item.nodeid}' --argosy-seed={seed}"))
    return report


def _seed(request: pytest.FixtureRequest) -> int:
    given: int | None = request.config.getoption("--argosy-seed")
    if given is not None:
        return given
    mark = request.node.get_closest_marker("argosy_seed")
    if mark is not None:
        (number,) = mark.args
        return int(number)
    return crc32(request.node.nodeid.encode())
