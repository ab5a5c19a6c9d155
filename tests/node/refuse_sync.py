"""A child process in which the kernel refuses every fsync and fdatasync with EIO, run as `python -m`.

So what claims to be durable must fail here; if it succeeds, nobody asked the disk. Linux on x86-64 and ARM64 only:
`supported` says whether it works here.
"""

import ctypes
import errno
import platform
import struct
import subprocess
import sys
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[2]
SYSCALLS = {"x86_64": (317, 74, 75), "aarch64": (277, 82, 83)}  # seccomp, fsync, fdatasync
supported = sys.platform == "linux" and platform.machine() in SYSCALLS


def refuse_sync() -> None:
    """From now on, in every thread: fsync and fdatasync fail with EIO (a seccomp filter)."""
    seccomp, fsync, fdatasync = SYSCALLS[platform.machine()]
    refused = 0x00050000 | errno.EIO  # SECCOMP_RET_ERRNO
    program = b"".join(
        struct.pack("HBBI", *each)
        for each in (
            (0x20, 0, 0, 0),  # load the number of the system call
            (0x15, 2, 0, fsync),
            (0x15, 1, 0, fdatasync),
            (0x06, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
            (0x06, 0, 0, refused),
        )
    )
    held = ctypes.create_string_buffer(program)
    filter_of_process = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS"
    assert libc.syscall(seccomp, 1, 1, filter_of_process) == 0, f"seccomp: {ctypes.get_errno()}"  # all threads


def run(scenario: str, path: Path) -> list[str]:
    """The lines that a scenario prints in a child."""
    command = [sys.executable, "-m", "tests.node.refuse_sync", scenario, str(path)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def journal(path: Path) -> None:
    from node.journal import Journal
    from node.ports import GroupRecord, Record

    told: SimpleQueue[object] = SimpleQueue()
    opened = Journal(path, told.put)
    opened.recover()
    opened.submit(Record(1, [GroupRecord(1, (1, 1, 0))]))
    print(told.get())
    refuse_sync()
    opened.submit(Record(2, [GroupRecord(1, (2, 1, 0))]))
    print(told.get())
    opened.submit(Record(3, [GroupRecord(1, (3, 1, 0))]))
    opened.close()
    print(told.empty())


def writer(path: Path) -> None:
    from node.errors import DiskError
    from node.writer import Committer, Order

    committer = Committer(path)
    print(committer.take((Order.FORGET, 1, 7, b"tombstone", None)))
    refuse_sync()
    for order in ((Order.ROWS, 2, (1,), (1,), (b"m",), b"\1", (b"kt",), (b"v",)), (Order.COMMIT, 3)):
        try:
            print(committer.take(order))
        except DiskError as error:
            print(error)


def identity(path: Path) -> None:
    from node.directory import StoredIdentity, open_directory
    from node.errors import DirectoryError

    directory = open_directory(path)
    refuse_sync()
    try:
        directory.write_identity(StoredIdentity(b"c" * 16, 1, 1, b"", ""))
    except DirectoryError as error:
        print(error)
    print(directory.identity)


if __name__ == "__main__":
    {"journal": journal, "writer": writer, "identity": identity}[sys.argv[1]](Path(sys.argv[2]))
