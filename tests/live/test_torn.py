"""`argosy start` on a directory whose files were damaged: one line says which, and nothing is changed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import argosy
from bench.processes import free_ports

SECONDS = 30.0
PAGE = 4096


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "data"
    with argosy.open(folder) as db:
        for number in range(200):
            db[b"%04d" % number] = b"value %d" % number
    return folder


@pytest.fixture
def data(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "data"))


def start(data: Path) -> str:
    """The one line in which a node says why it does not start."""
    command = [sys.executable, "-m", "argosy.cli", "start", "--data", str(data)]
    command += ["--listen", f"127.0.0.1:{free_ports(1)[0]}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def content(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in sorted(folder.iterdir()) if each.name == "data.mdb"}


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // PAGE // 2 * PAGE)


def empty(file: Path) -> None:
    os.truncate(file, 0)


def replace(file: Path) -> None:
    file.write_bytes(b"Dear Anna, " * 10_000)


def scribble(file: Path) -> None:
    """Into every page but the first two."""
    stored = bytearray(file.read_bytes())
    for page in range(2 * PAGE, len(stored), PAGE):
        stored[page + 8 : page + 24] = b"\xff" * 16
    file.write_bytes(stored)


@pytest.mark.parametrize("part", ["journal", "state"])
@pytest.mark.parametrize("damage", [cut, empty, replace, scribble])
def test_a_damaged_file_is_named(data, part, damage):
    damage(data / part / "data.mdb")
    before = content(data / part)
    line = start(data)
    assert str(data / part / "data.mdb") in line
    assert "join again" in line
    assert content(data / part) == before


def test_a_missing_journal_is_not_a_new_one(data):
    shutil.rmtree(data / "journal")
    line = start(data)
    assert "is missing" in line
    assert str(data / "journal") in line


def test_a_missing_identity_is_not_a_new_node(data):
    (data / "identity").unlink()
    assert "identity is missing" in start(data)


def test_what_was_not_touched_starts(data):
    with argosy.open(data) as db:
        assert db[b"0007"] == b"value 7"
