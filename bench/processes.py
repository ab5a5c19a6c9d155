"""What the kernel says of processes: CPU time of a process and its children, from /proc (Linux).

Owns nothing that runs. Read next: bench/cluster.py.
"""

import os
import socket
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def children(process: int) -> list[int]:
    """The ids of the living children of a process."""
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        found += map(int, thread.read_text().split())
    return found


def cpu_seconds(process: int) -> float:
    """User and system time of a process, its living children, and those it has waited for."""
    stat = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    own = sum(map(int, stat[11:15])) / TICKS_PER_SECOND  # utime, stime, cutime, cstime
    return own + sum(cpu_seconds(child) for child in children(process))


def resident_bytes(process: int) -> int:
    """Memory that a process holds."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def anonymous_bytes(process: int) -> int:
    """Memory that a process holds of its own: without pages of files, which the kernel may take back."""
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) * 1024


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def busy_seconds() -> float:
    """For how long all cores of the machine have been busy, with whatever it was."""
    user, nice, system, _, _, interrupts, soft = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + interrupts + soft) / TICKS_PER_SECOND
