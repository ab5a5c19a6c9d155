"""The golden scripts of the commit protocol: anomalies by their names, rules by their numbers."""

from pathlib import Path

import pytest

from tests.golden import run_script, scripts
from tests.txn.stage import Stage


@pytest.mark.parametrize("path", scripts(Path(__file__).parent), ids=lambda path: path.stem)
def test_script(path: Path, rewrite: bool) -> None:
    run_script(path, Stage().verbs, rewrite)
