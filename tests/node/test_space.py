"""The room on a disk: asked for now and then, told in words; which refusals may be tried again."""

import errno
import os
from pathlib import Path

import pytest

from node.config import SPACE_BYTES_MIN, SPACE_LOOK_SECONDS
from node.space import Guard, Space, refusal
from tests.node.full import no_room


class Disk:
    """A clock and a measure in one."""

    def __init__(self) -> None:
        self.time = 0.0
        self.free, self.total = 1 << 40, 1 << 41
        self.asked = 0

    def now(self) -> float:
        return self.time

    def measure(self) -> tuple[int, int]:
        self.asked += 1
        return self.free, self.total


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def space(disk: Disk) -> Space:
    made = Space(Path("/data/state"), disk, disk.measure)
    made.node = 3
    return made


def test_the_disk_is_asked_now_and_then_and_not_for_each_request(disk: Disk, space: Space) -> None:
    for _ in range(50):
        assert space.short() == ""
    disk.free = 0
    assert space.short() == ""
    assert disk.asked == 1
    disk.time += SPACE_LOOK_SECONDS
    assert space.short()
    disk.free = 1 << 40
    disk.time += SPACE_LOOK_SECONDS
    assert space.short() == ""
    assert disk.asked == 3


def test_a_shortage_names_node_directory_what_is_left_and_what_to_do(disk: Disk, space: Space) -> None:
    disk.free = 5 << 20
    text = space.short()
    for part in ("node 3", "/data/state", "5.0 MiB", "64.0 MiB", "make room"):
        assert part in text


@pytest.mark.parametrize(
    ("total", "least"), [(1 << 40, SPACE_BYTES_MIN), (512 << 20, SPACE_BYTES_MIN), (80 << 20, 10 << 20)]
)
def test_a_small_disk_needs_less(disk: Disk, space: Space, total: int, least: int) -> None:
    disk.total, disk.free = total, least
    assert space.short() == ""
    disk.free, disk.time = least - 1, SPACE_LOOK_SECONDS
    assert space.short()


def test_a_refused_write_counts_whatever_the_disk_says(space: Space) -> None:
    space.refused = "the journal found no room"
    assert "the journal found no room" in space.short()
    space.refused = ""
    assert space.short() == ""


def test_a_disk_that_does_not_say_is_not_full(disk: Disk) -> None:
    def unable() -> tuple[int, int]:
        raise OSError("stale")

    assert Space(Path("/data"), disk, unable).short() == ""


def test_the_real_disk_says_something(tmp_path: Path) -> None:
    assert isinstance(Space(tmp_path).short(), str)


class State:
    def __init__(self, space: Space) -> None:
        self.space = space


class Ending:
    ends = True


def test_a_leader_short_of_room_takes_group_0_s_commands_and_what_ends_something(disk: Disk, space: Space) -> None:
    disk.free = 0
    assert "node 3" in refusal(State(space), 1, object())
    assert refusal(State(space), 0, object()) == ""
    assert refusal(State(space), 1, Ending()) == ""
    assert refusal(object(), 1, object()) == "", "no disk, no shortage"


# -- refusals ----------------------------------------------------------------------------------------------------


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    (tmp_path / "data.mdb").write_bytes(bytes(8192))
    return Guard(tmp_path / "data.mdb")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_harmless(guard: Guard, code: int) -> None:
    assert guard.harmless(OSError(code, "full"))


@pytest.mark.parametrize("error", [OSError(errno.EROFS, ""), OSError(errno.EIO, ""), ValueError("bug")])
def test_other_errors_are_not(guard: Guard, error: Exception) -> None:
    assert not guard.harmless(error)


def test_a_write_that_ended_half_way_is_harmless_only_where_the_file_cannot_grow(guard: Guard) -> None:
    with no_room(8192):
        assert guard.harmless(OSError(errno.EIO, "short"))
    assert not guard.harmless(OSError(errno.EIO, "short"))


def test_an_error_that_the_kernel_tells_of_written_pages_is_final(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(descriptor: int) -> None:
        raise OSError(errno.EIO, "lost")

    monkeypatch.setattr(os, "fdatasync", lost)
    assert not guard.harmless(OSError(errno.ENOSPC, "full"))
