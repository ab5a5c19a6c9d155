"""A shell on a node in this process whose input and output nobody looks at, and what its commands tell."""

import io

import pytest

import argosy
from sql_lite_frontend.session import Engine
from sql_lite_frontend.shell.scanning import Statement
from sql_lite_frontend.shell.screen import Screen
from sql_lite_frontend.shell.shell import Shell


class Told(Shell):
    """A shell, and what a test asks of it."""

    def rows(self, text):
        with self.cancelling.listening():
            result = self.run(self.session.execute(text))
            return [row for batch in self.batches(result) for row in batch]

    def told(self, line):
        """What a command tells on standard error; `ok` before it if it was carried out."""
        before = len(self.screen.err.getvalue())
        well = self.attempt(Statement(line, 1))
        return ("ok " if well else "") + self.screen.err.getvalue()[before:]


@pytest.fixture
def shell(tmp_path):
    with argosy.open(tmp_path / "one") as database:
        screen = Screen(io.StringIO(), io.StringIO(), person=False)
        yield Told(Engine(database.router), database.runner, screen)


@pytest.fixture
def load(shell, tmp_path):
    """Import this text, and give what is told on standard error, `ok` before it if all is in."""

    def carried_out(name, text, rest):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return shell.told(f".import '{path}' {rest}")

    return carried_out
