"""Files that were cut off, overwritten, emptied, exchanged or taken away: named at the start, and left as they are."""

import os
import random
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from struct import unpack_from

import pytest

from node.directory import StoredIdentity, open_directory
from node.errors import DirectoryError, DiskError, NodeError
from node.journal import Journal
from node.pages import BRANCH, HEADER_BYTES, LEAF, Torn, check_pages
from node.ports import GroupRecord, Recovered
from node.state import State
from node.whole import id_path
from tests.node.applied import rows, write
from tests.node.test_journal import Opened, entries

PAGE = 4096


def make_journal(path: Path, groups: int = 2) -> dict[int, Recovered]:
    opened = Opened(path)
    for number in range(1, 40):
        opened.write(*(GroupRecord(group, (1, 0, number), number, entries(number, 1, 900)) for group in range(groups)))
    opened.journal.cut(0, 30)
    opened.write(GroupRecord(0, (2, 0, 39), 40, entries(40, 3, 20_000)))
    opened.journal.close()
    return read_journal(path)


def read_journal(path: Path) -> dict[int, Recovered]:
    journal = Journal(path, print)
    try:
        return journal.recover()
    finally:
        journal.close()


def make_state(path: Path) -> None:
    state = State(path, print)
    for index in range(1, 4):
        write(state, index, b"m%d" % index)
        state.put(b"head%d" % index, b"\1", b"value %d " % index * 60)
        state.seal(1, index, None)
        state.wait_flushed()
    state.close()


def read_state(path: Path) -> list[tuple[bytes, bytes, bytes]]:
    state = State(path, print)
    try:
        assert state.marks() == {1: (3, b"m3")}
        return rows(state)
    finally:
        state.close()


def read(path: Path) -> None:
    if path.name == "journal":
        read_journal(path)
    else:
        read_state(path)


@pytest.fixture(params=["journal", "state"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / str(request.param)
    if request.param == "journal":
        make_journal(path)
    else:
        make_state(path)
    yield path


def refused(path: Path, *parts: str) -> str:
    """It does not open, says where and what to do, and leaves the file as it was."""
    file = path / "data.mdb"
    before = file.read_bytes() if file.exists() else None
    with pytest.raises(DiskError) as caught:
        read(path)
    text = str(caught.value)
    for part in (str(path), *parts):
        assert part in text
    assert "join again" in text
    assert before is None or file.read_bytes() == before
    return text


def test_a_whole_file_opens_again_and_again(place: Path) -> None:
    read(place)
    read(place)


@pytest.mark.parametrize("size", [1, PAGE, 2 * PAGE, 3 * PAGE + 100])
def test_a_file_that_was_cut_off(place: Path, size: int) -> None:
    os.truncate(place / "data.mdb", size)
    refused(place, "data.mdb", "torn")


def test_the_last_page_is_missing(place: Path) -> None:
    size = (place / "data.mdb").stat().st_size
    os.truncate(place / "data.mdb", size - 1)
    refused(place, "it was cut off")


def test_a_file_that_was_emptied(place: Path) -> None:
    os.truncate(place / "data.mdb", 0)
    refused(place, "data.mdb is empty")


def test_a_file_that_is_missing(place: Path) -> None:
    (place / "data.mdb").unlink()
    refused(place, "data.mdb is missing")
    shutil.rmtree(place)
    refused(place, "data.mdb is missing")


def test_a_foreign_file(place: Path) -> None:
    (place / "data.mdb").write_bytes(b"#!/bin/sh\n" * 2000)
    refused(place, "no LMDB file")


def test_the_file_of_another_directory(place: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / place.name
    if place.name == "journal":
        make_journal(other, groups=1)
    else:
        make_state(other)
    shutil.copy(other / "data.mdb", place / "data.mdb")
    refused(place, "does not belong here")
    read(other)


def test_a_directory_from_before_there_were_ids_gets_one(place: Path) -> None:
    id_path(place).unlink()
    read(place)
    assert id_path(place).stat().st_mode & 0o777 == 0o600
    os.truncate(place / "data.mdb", 0)
    refused(place, "data.mdb is empty")


def test_an_id_that_is_torn(place: Path) -> None:
    id_path(place).write_bytes(b"short")
    with pytest.raises(NodeError, match=f"{place.name}.id is torn or foreign"):
        read(place)


def test_a_row_with_a_changed_bit_is_found_and_never_answered(tmp_path: Path) -> None:
    make_state(tmp_path / "state")
    file = tmp_path / "state" / "data.mdb"
    stored = bytearray(file.read_bytes())
    places = [at for at in range(len(stored)) if stored.startswith(b"value 2 value 2", at)]
    for at in places:
        stored[at] ^= 4
    assert places
    file.write_bytes(stored)
    state = State(tmp_path / "state", print)
    try:
        assert state.get(b"head1", b"\1") == b"value 1 " * 60
        for reading in (
            lambda: state.get(b"head2", b"\1"),
            lambda: list(state.rows(b"head2")),
            lambda: list(state.scan(b"", b"\xff")),
            lambda: list(state.scan(b"", b"\xff", reverse=True)),
        ):
            with pytest.raises(DiskError, match=f"{tmp_path}/state is torn: the checksum of b'head2"):
                reading()
    finally:
        state.close()


def test_a_mark_with_a_changed_bit_is_found_at_the_start(tmp_path: Path) -> None:
    make_state(tmp_path / "state")
    file = tmp_path / "state" / "data.mdb"
    stored = bytearray(file.read_bytes())
    for at in range(len(stored) - 2):
        if stored.startswith(b"m3", at):
            stored[at + 1] ^= 1
    file.write_bytes(stored)
    refused(tmp_path / "state", "checksum")


@pytest.mark.parametrize("seed", range(3))
def test_a_journal_with_any_damage_is_what_it_was_or_refused(tmp_path: Path, seed: int) -> None:
    """In a child each time: what LMDB makes of a bad page may end the process."""
    chance = random.Random(seed)
    path = tmp_path / "journal"
    logs = make_journal(path)
    whole = (path / "data.mdb").read_bytes()
    outcomes = {0: 0, 1: 0}
    for _ in range(60):
        damaged = bytearray(whole)
        page = chance.randrange(2, len(whole) // PAGE) * PAGE
        match chance.randrange(3):
            case 0:
                damaged[page + chance.randrange(PAGE)] ^= 1 << chance.randrange(8)
            case 1:
                damaged[page + chance.randrange(40)] ^= 1 << chance.randrange(8)
            case 2:
                damaged[page : page + PAGE] = bytes(PAGE)
        (path / "data.mdb").write_bytes(damaged)
        outcomes[read_in_child(path, logs)] += 1
    assert all(outcomes.values()), "damage was found, and damage to what nobody needs was not"


def read_in_child(path: Path, logs: dict[int, Recovered]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        child = os.fork()
    if child == 0:
        status = 9
        try:
            status = 0 if read_journal(path) == logs else 8
        except DiskError:
            status = 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_pages_that_lead_in_a_circle(tmp_path: Path) -> None:
    opened = Opened(tmp_path / "journal")
    for number in range(1, 100):
        opened.write(GroupRecord(1, (1, 0, number), number, entries(number, 1, 200)))
    opened.journal.close()
    file = tmp_path / "journal" / "data.mdb"
    check_pages(file, leaves=True)
    stored = bytearray(file.read_bytes())
    for branch in range(2 * PAGE, len(stored), PAGE):
        if stored[branch + 10 : branch + 12] == BRANCH.to_bytes(2, sys.byteorder):
            (first,) = unpack_from("=H", stored, branch + HEADER_BYTES)
            stored[branch + first : branch + first + 2] = (branch // PAGE).to_bytes(2, sys.byteorder)
    file.write_bytes(stored)
    with pytest.raises(Torn, match="cannot be there"):
        check_pages(file, leaves=True)


def test_a_page_that_hides_its_last_record(tmp_path: Path) -> None:
    make_journal(tmp_path / "journal")
    file = tmp_path / "journal" / "data.mdb"
    stored = bytearray(file.read_bytes())
    for page in range(2 * PAGE, len(stored), PAGE):
        (lower,) = unpack_from("=H", stored, page + 12)
        if stored[page + 10 : page + 12] == LEAF.to_bytes(2, sys.byteorder) and lower > HEADER_BYTES + 2:
            stored[page + 12 : page + 14] = (lower - 2).to_bytes(2, sys.byteorder)
    file.write_bytes(stored)
    refused(tmp_path / "journal", "too many or too few")


# -- the directory -----------------------------------------------------------------------------------------------


def test_an_identity_that_is_missing_is_not_a_new_node(tmp_path: Path) -> None:
    directory = open_directory(tmp_path / "n")
    directory.write_identity(StoredIdentity(b"c" * 16, 3, 1, b"", "127.0.0.1:4000"))
    Journal(directory.journal_path, print).close()
    directory.close()
    open_directory(tmp_path / "n").close()
    (tmp_path / "n" / "identity").unlink()
    with pytest.raises(DirectoryError, match="identity is missing"):
        open_directory(tmp_path / "n")


def test_new_routes_that_cannot_be_written_do_not_stop_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = open_directory(tmp_path / "n")
    first = StoredIdentity(b"c" * 16, 3, 1, b"", "127.0.0.1:4000")
    directory.write_identity(first)
    moved = StoredIdentity(b"c" * 16, 3, 1, b"", "127.0.0.1:4000", ((1, "127.0.0.1:4001"),))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    directory.write_identity(moved)
    assert directory.identity == moved
    with pytest.raises(DirectoryError, match="No space left"):
        directory.write_identity(StoredIdentity(b"c" * 16, 3, 2, b"", "127.0.0.1:4000"))
    directory.close()
    monkeypatch.undo()
    again = open_directory(tmp_path / "n")
    assert again.identity is not None
    assert again.identity.routes == ()
    again.close()


def test_a_lock_into_which_no_name_can_be_written_is_one_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, content: bytes, place: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    directory = open_directory(tmp_path / "n")
    with pytest.raises(DirectoryError, match="in use"):
        open_directory(tmp_path / "n")
    directory.close()
