"""Style as a test: what a reader may rely on in every file, checked by machine.

Owns the checks that no linter has: sizes, owners of imports, references in prose, words, sleeping tests.
Each takes the project's folder and gives a list of findings, `path:line: what`. `python -m tests.tidy`
runs them all. Does not own formatting, types, floors, dead code: ruff, mypy, import-linter, vulture do.
Read next: tests/tidy/owners.py.
"""
