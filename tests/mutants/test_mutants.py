"""The planted bugs can still be planted: the lines that they change are there, once, and what comes of it is Python."""

import pytest

from tests.mutants.mutant import HARD, LISTS, listed

MUTANTS = [mutant for part in (*LISTS, HARD) for mutant in listed(part)]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_bug_can_be_planted(mutant):
    compile(mutant.mutated(), mutant.path, "exec")


def test_names_are_taken_once():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert sum(len(listed(part)) for part in LISTS) >= 30
