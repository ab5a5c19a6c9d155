"""What README.md shows, works."""

import re
from pathlib import Path

from argosy.cli import main

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})


def test_the_commands_exist():
    named = set(re.findall(r"argosy ([a-z]+)", re.sub(r"```python.*?```", "", README, flags=re.DOTALL)))
    assert named <= set(main.commands), f"README.md names commands that are not there: {named - set(main.commands)}"


def test_the_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"^make ([a-z]+)|`make ([a-z]+)`", README, re.MULTILINE)
    assert named
    assert {first or second for first, second in named} <= targets
