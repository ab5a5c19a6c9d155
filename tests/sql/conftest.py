"""One node for all tests of a module; each test has tables of its own."""

import pytest

from tests.sql.engines import opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("sql") / "node") as run:
        yield run


@pytest.fixture
def run(shared):
    """A session of a database without tables."""
    session = shared.another()
    for (name,) in session("SHOW TABLES"):
        session(f'DROP TABLE "{name}"')
    yield session
    if session.session.transaction is not None:
        session("ROLLBACK")
