"""What all suites share: the flag that rewrites golden scripts, and asserts that are on."""

import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parent.parent)
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)  # so that suites import `tests.golden` however pytest was started


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="write into golden scripts what they print now")


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Whether golden scripts are to be rewritten instead of compared."""
    return bool(request.config.getoption("--rewrite"))
