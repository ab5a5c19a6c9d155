"""`import argosy` says clearly why it cannot work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_python(*arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": path} if path else dict(os.environ)
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False, cwd="/")


@pytest.mark.parametrize("name", ["node", "ranges", "txn", "bench"])
def test_a_foreign_package_that_shadows_ours_is_named(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    done = run_python("-c", "import argosy", path=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: argosy needs its own package '{name}'")
    assert str(tmp_path / name) in last


def test_a_foreign_module_that_shadows_ours_is_named(tmp_path):
    (tmp_path / "node.py").write_text("")
    done = run_python("-c", "import argosy", path=f"{tmp_path}{os.pathsep}{ROOT}")
    assert f"finds 'node' at {tmp_path / 'node.py'}" in done.stderr.splitlines()[-1]


def test_without_asserts_it_does_not_run():
    done = run_python("-O", "-c", "import argosy", path=str(ROOT))
    assert done.returncode == 1
    assert "does not run under python -O" in done.stderr.splitlines()[-1]


def test_the_import_is_light():
    code = "import argosy, sys; print([name for name in ('trio', 'rich', 'lmdb', 'click') if name in sys.modules])"
    assert run_python("-c", code, path=str(ROOT)).stdout == "[]\n"
