"""Style as a test: what a reader may rely on in every file, checked by machine.

Owns the checks that no linter has: sizes, owners of imports, dead code, references in prose, sleeping tests.
Each takes the project's folder and gives a list of findings, `path:line: what`. `python -m tests.tidy`
runs them all. Does not own formatting, types or floors: ruff, mypy and import-linter do.
Read next: tests/tidy/owners.py.
"""
