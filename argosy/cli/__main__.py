"""`python -m argosy.cli` is `argosy`."""

from argosy.cli import main

main(prog_name="argosy")
