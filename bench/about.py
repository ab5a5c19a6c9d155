"""What a reader must know beside the figures: versions, machine, parameters, seed, and the time.

Owns that one row, which stands before all others in JSON. Read next: bench/report.py.
"""

import os
import platform
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("argosy", "trio", "cbor2", "lmdb")
ASK_SECONDS_MAX = 10.0


def about(command: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The row of one invocation; a seed is one of its parameters."""
    return {
        "about": {
            "command": command,
            "parameters": dict(parameters),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "versions": versions(),
            "machine": machine(),
        }
    }


def versions() -> dict[str, str]:
    """Of Python, of what Argosy stands on, of the peers that are here, and the commit if this is a clone."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    found["sqlite3"] = sqlite3.sqlite_version
    commit = _first_line("git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD")
    etcd = _first_line("etcd", "--version")
    return found | {name: text for name, text in (("commit", commit), ("etcd", etcd.rpartition(" ")[2])) if text}


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory, system."""
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int((_field("/proc/meminfo", "MemTotal") or "0").split()[0]) / (1 << 20), 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def _field(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _first_line(*command: str) -> str:
    """What a program says first; empty if it is not there or fails."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS_MAX, check=False)
    return done.stdout.split("\n")[0].strip() if done.returncode == 0 else ""
