"""Every scenario of this folder: see tests/golden.py for the form, tests/raft/verbs.py for the words."""

from pathlib import Path

import pytest

from tests.golden import run_script, scripts
from tests.raft.verbs import Script


@pytest.mark.parametrize("path", scripts(Path(__file__).parent), ids=lambda path: path.stem)
def test_scenario(path: Path, rewrite: bool) -> None:
    run_script(path, Script().verbs(), rewrite)
