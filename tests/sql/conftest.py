"""One node for all tests of a module; each test has tables of its own."""

from contextlib import closing

import pytest

import argosy
from argosy import dbapi
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


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    with argosy.open(tmp_path_factory.mktemp("dbapi") / "node", listen="127.0.0.1:0") as opened:
        yield opened


@pytest.fixture
def connect(database):
    """Makes connections to a database with one empty table; all are closed afterwards."""
    made = []

    def one_more(**options) -> dbapi.Connection:
        made.append(dbapi.connect(database, **options))
        return made[-1]

    with closing(dbapi.connect(database, autocommit=True)) as first:
        for (name,) in first.execute("SHOW TABLES").fetchall():
            first.execute(f'DROP TABLE "{name}"')
        first.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)")
    yield one_more
    for each in made:
        each.close()
