"""Which files the checks look at, parsed once per run."""

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

PACKAGES = ("argosy", "bench", "sql_lite_frontend", "txn", "ranges", "node")


def modules(root: Path, *folders: str) -> Iterator[tuple[str, Path]]:
    """(path relative to root with slashes, path) of every Python file in these folders, sorted."""
    for folder in folders or (*PACKAGES, "tests"):
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix(), path


@lru_cache(maxsize=2048)
def _parse(path: Path, _stamp: int) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def parse(path: Path) -> ast.Module:
    """The syntax tree of a file, from memory if the file has not changed."""
    return _parse(path, path.stat().st_mtime_ns)
