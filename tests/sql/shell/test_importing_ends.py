"""What ends an import before its file does: what is told then, and how it goes on."""

import signal

import pytest

from node.errors import DiskError
from sql_lite_frontend.shell import records
from tests.sql.shell.told import refused, well
from txn.errors import OutcomeUnknown, Unavailable


def test_files_that_cannot_be_read(shell, load, tmp_path):
    assert "it is empty" in load("f.csv", "", "t")
    assert "no object in a line" in load("f.json", "", "t")
    assert "no row to guess" in load("f.csv", "a,b\n", "t")
    assert "its first line is blank" in load("f.csv", "\na\n1\n", "t")
    assert "have the name a: 1 and 2" in load("f.csv", "a,a\n1,2\n", "t")
    assert "not UTF-8" in load("f.csv", "a,ä\n1,2\n".encode("utf-16"), "t")
    assert "ends with none of .csv, .tsv" in load("f.xls", "", "t")
    assert "what is to be imported" in load("f.csv", "a\n1\n", "")
    assert "what is to be imported" in load("f.csv", "a\n1\n", "t KEY a")
    (tmp_path / "folder.csv").mkdir()
    assert "missing.csv: No such file or directory\n" in shell.told(f".import '{tmp_path / 'missing.csv'}' t")
    assert "is a directory" in shell.told(f".import '{tmp_path / 'folder.csv'}' t")
    assert shell.rows("SHOW TABLES") == []


def test_an_import_is_no_part_of_a_transaction(shell, load):
    shell.rows("BEGIN")
    assert "COMMIT or ROLLBACK first" in load("f.csv", "k\n1\n", "t")


def test_a_field_that_is_too_long_and_quotes_that_stay_open(shell, load):
    shell.rows("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)")
    told = load("f.csv", f"k,v\n1,{'x' * (2 << 20)}\n2,b\n", "t")
    assert refused(told) == [2] and "a field has more than 1,048,576 characters" in told
    told = load("f.csv", 'k,v\n3,"c\n4,d\n5,e\n', "t")
    assert refused(told) == [2] and "up to line 4: is a quote open?" in told
    assert shell.rows("SELECT k FROM t") == [(2,)]


def test_a_line_without_an_end_ends_the_import(shell, load, monkeypatch):
    monkeypatch.setattr(records, "LINE_CHARACTERS_MAX", 100)
    monkeypatch.setattr(records, "PART_ROWS", 1)
    monkeypatch.setattr(records, "BATCH_ROWS", 1)
    shell.rows("CREATE TABLE t (k TEXT PRIMARY KEY)")
    told = load("f.csv", f"k\n1\n{'x' * 200}\n", "t")
    assert "line 3 has more than 100 characters" in told and "FROM LINE 3 goes on" in told


@pytest.fixture
def five(shell, monkeypatch):
    """A file of five batches and a table for it; the transaction of the third batch ends as is said."""
    monkeypatch.setattr(records, "PART_ROWS", 2)
    monkeypatch.setattr(records, "BATCH_ROWS", 2)
    shell.rows("CREATE TABLE t (k INTEGER PRIMARY KEY)")
    database = shell.engine.database
    real, batches = database.run, iter(range(1, 100))

    def failing(failure, committed):
        def run(body):
            third = next(batches) == 3
            if third and not committed:
                raise failure
            result = yield from real(body)
            if third and isinstance(failure, Exception):
                raise failure
            if third:
                signal.raise_signal(failure)
            return result

        monkeypatch.setattr(database, "run", run)

    return "k\n" + "".join(f"{each}\n" for each in range(10)), failing


@pytest.mark.parametrize(
    ("failure", "committed", "line"),
    [(Unavailable("nobody answers"), False, 6), (signal.SIGINT, True, 8)],
)
def test_whatever_ends_it_the_line_is_told_and_from_there_it_goes_on(shell, load, five, failure, committed, line):
    text, fail = five
    fail(failure, committed)
    told = load("f.csv", text, "t")
    assert f"{line - 2} rows came in, up to line {line - 1}." in told and "may be in" not in told
    assert f"The same command with FROM LINE {line} goes on." in told
    assert shell.rows("SELECT count(*) FROM t") == [(line - 2,)]
    assert well(load("f.csv", text, f"t FROM LINE {line}"))
    assert shell.rows("SELECT count(*) FROM t") == [(10,)]


def test_a_refused_row_is_behind_it_as_well(shell, load, five):
    text, fail = five
    shell.rows("INSERT INTO t VALUES (1)")
    fail(Unavailable("nobody answers"), False)
    told = load("f.csv", text, "t")
    assert "1 row came in, up to line 3." in told and "1 row up to there: refused" in told


def test_a_file_that_cannot_be_read_to_its_end(shell, load, five, monkeypatch):
    text, _ = five
    real = records.CsvFile.batches

    def broken(self, *given):
        batches = real(self, *given)
        yield next(batches)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(records.CsvFile, "batches", broken)
    told = load("f.csv", text, "t FROM LINE 5")
    assert (
        "0 rows came in, up to line 4." in told
        and "FROM LINE 5 goes on" in told
        and "ERROR: Input/output error\n" in told
    )


@pytest.mark.parametrize("failure", [OutcomeUnknown("who knows"), DiskError("full")])
def test_rows_that_may_be_in_are_told(shell, load, five, failure):
    text, fail = five
    fail(failure, committed=True)
    if isinstance(failure, DiskError):
        with pytest.raises(DiskError):
            load("f.csv", text, "t")
        told = shell.screen.err.getvalue()
    else:
        told = load("f.csv", text, "t")
    assert "4 rows came in, up to line 5." in told and "lines 6 to 7 may be in, too" in told
    assert refused(load("f.csv", text, "t FROM LINE 6")) == [6, 7]
    assert shell.rows("SELECT count(*) FROM t") == [(10,)]


def test_ctrl_c_while_a_table_is_guessed_leaves_no_table(shell, load, monkeypatch):
    monkeypatch.setattr(records, "PART_ROWS", 1)
    monkeypatch.setattr(records, "BATCH_ROWS", 1)
    real, read = records.CsvFile.batches, []

    def pressed(self, *given):
        for batch in real(self, *given):
            signal.raise_signal(signal.SIGINT)
            read.append(batch)
            yield batch

    monkeypatch.setattr(records.CsvFile, "batches", pressed)
    assert "57014" in load("f.csv", "k\n1\n2\n", "t")
    assert len(read) == 1
    assert shell.rows("SHOW TABLES") == []
