"""`.export`: what is in the file, that `.import` gives the same rows again, and what stays when it fails."""

import pytest

COLUMNS = "k INTEGER PRIMARY KEY, r REAL, n NUMERIC, t TEXT, b BLOB, o BOOLEAN, d DATE, s TIMESTAMP"
FILLED = r"""INSERT INTO a VALUES
(-9223372036854775808, 1e-300, CAST('12345678901234567890.10' AS NUMERIC), '', x'', TRUE, '0001-01-01',
 '0001-01-01 00:00:00'),
(9223372036854775807, -0.1, 0, 'a,"b"', x'00ff27', FALSE, '9999-12-31', '2024-02-29 23:59:59.000001'),
(1, 3, -1.50, ' é	tab ', x'22', NULL, '2024-02-29', '2024-02-29 12:00:00'),
(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(3, 1, 1, 'NULL', NULL, NULL, NULL, NULL), (4, 1, 1, '007', NULL, NULL, NULL, NULL)"""


@pytest.fixture
def filled(shell):
    shell.rows(f"CREATE TABLE a ({COLUMNS})")
    shell.rows(FILLED)
    text = 'line\nbreak\r\nand \\ "" , \t;'
    shell.run(shell.session.execute("INSERT INTO a (k, t) VALUES (5, ?)", (text,)))
    return shell


@pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl", "ndjson", "CSV"])
def test_an_import_of_an_export_is_the_same(filled, tmp_path, ending):
    path = tmp_path / f"with space.{ending}"
    filled.rows(f"CREATE TABLE b ({COLUMNS})")
    assert filled.told(f".export '{path}' a") == "ok "
    assert filled.told(f".import '{path}' b") == "ok "
    found, wanted = filled.rows("SELECT * FROM b ORDER BY k"), filled.rows("SELECT * FROM a ORDER BY k")
    assert found == wanted and len(found) == 7
    assert [list(map(type, row)) for row in found] == [list(map(type, row)) for row in wanted]
    assert [str(row[2]) for row in found] == [str(row[2]) for row in wanted], "digits of NUMERIC"


def test_what_a_query_gives(filled, tmp_path):
    path = tmp_path / "f.csv"
    filled.screen.person = True
    assert filled.told(f".export {path} SELECT k, t AS text FROM a WHERE k BETWEEN 2 AND 4 ORDER BY k DESC;") == "ok "
    assert path.read_text() == "k,text\n4,007\n3,NULL\n2,\n"
    assert f"3 rows in {path}" in filled.screen.out.getvalue()
    path = tmp_path / "f.md"
    assert filled.told(f".export {path} SELECT 1 AS one, 'a|b' AS two") == "ok "
    assert path.read_text() == "| one | two |\n| --- | --- |\n| 1 | a\\|b |\n"


def test_a_file_stays_as_it_was_until_all_rows_are_there(filled, tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("before")
    path.chmod(0o640)
    assert "is there already" in filled.told(f".export {path} a")
    assert "22012" in filled.told(f".export OVERWRITE {path} SELECT 1 / (k - 3) FROM a WHERE k > 0")
    real = filled.batches

    def broken(result):
        yield next(real(result))
        raise OSError("no more")

    filled.batches = broken
    assert "no more" in filled.told(f".export overwrite {path} a")
    filled.batches = real
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir() if each.name != "one"] == ["f.csv"]
    assert filled.told(f".export OVERWRITE {path} SELECT 1 AS one") == "ok "
    assert path.read_text() == "one\n1\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_is_followed(filled, tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "f.csv")
    assert filled.told(f".export {tmp_path / 'link.csv'} SELECT 1 AS one") == "ok "
    assert (tmp_path / "f.csv").read_text() == "one\n1\n"
    assert (tmp_path / "link.csv").is_symlink()


def test_what_cannot_be_exported(filled, tmp_path):
    path = tmp_path / "f.csv"
    assert "what is to be exported" in filled.told(f".export {path}")
    assert "ends with none of .csv" in filled.told(f".export {tmp_path / 'f.xls'} a")
    assert "only the rows of a table or a query" in filled.told(f".export {path} DELETE FROM a")
    assert "two columns are called k" in filled.told(f".export {path} SELECT k, k FROM a")
    assert "42P01" in filled.told(f".export {path} nope")
    assert "No such file" in filled.told(f".export {tmp_path}/nowhere/f.csv a")
    (tmp_path / "folder.csv").mkdir()
    assert "is a directory" in filled.told(f".export OVERWRITE {tmp_path / 'folder.csv'} a")
    assert len(filled.rows("SELECT k FROM a")) == 7
    assert not path.exists()


def test_an_open_transaction_is_seen(filled, tmp_path):
    filled.rows("BEGIN")
    filled.rows("DELETE FROM a WHERE k <> 1")
    assert filled.told(f".export {tmp_path / 'f.jsonl'} SELECT k FROM a") == "ok "
    assert (tmp_path / "f.jsonl").read_text() == '{"k": 1}\n'
