"""The checkers of single keys, snapshots, sets and counters, on histories that are known to be good or bad."""

import pytest

from argosy.testing.growing import Add, Count, Counts, Elements, Increment, Members
from argosy.testing.history import Outcome
from argosy.testing.linear import Call, Linear, Violation
from argosy.testing.snapshots import Look, Ring, Sums

OK, FAILED, UNKNOWN = Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN
K = b"k"


def checked(checker, history):
    for each in history:
        checker.note(each)
    checker.check()


def wrote(begin, end, value, outcome=OK):
    return Call(begin, end, outcome, 1, K, wrote=value)


def read(begin, end, value):
    return Call(begin, end, OK, 2, K, saw=value)


def swapped(begin, end, before, value, outcome=OK):
    return Call(begin, end, outcome, 3, K, saw=before, wrote=value)


LINEAR = {
    "nothing": [],
    "reads before any write": [read(0, 1, None), read(0, 2, None)],
    "a write takes effect inside its call": [wrote(0, 3, b"1"), read(1, 1.5, None), read(2, 2.5, b"1")],
    "two writes at once, in either order": [wrote(0, 5, b"1"), wrote(0, 5, b"2"), read(6, 7, b"1")],
    "an unknown write is seen late": [wrote(0, 1, b"1", UNKNOWN), read(2, 3, None), read(4, 5, b"1")],
    "an unknown write is never seen": [wrote(0, 1, b"1", UNKNOWN), read(2, 3, None)],
    "an unknown write is seen and overwritten": [
        wrote(0, 1, b"1", UNKNOWN), wrote(1, 2, b"2"), read(3, 4, b"1"), wrote(5, 6, b"3"), read(7, 8, b"3"),
    ],
    "an unknown deletion": [wrote(0, 1, b"1"), wrote(2, 3, None, UNKNOWN), read(3, 4, b"1"), read(5, 6, None)],
    "a deletion": [wrote(0, 1, b"1"), wrote(2, 3, None), read(4, 5, None)],
    "a failed write is never seen": [wrote(0, 1, b"1", FAILED), read(2, 3, None)],
    "a failed read saw anything": [Call(0, 1, FAILED, 1, K, saw=b"9")],
    "a chain of swaps": [swapped(0, 9, b"1", b"2"), swapped(0, 9, None, b"1"), read(10, 11, b"2")],
    "an unknown swap that happened": [wrote(0, 1, b"1"), swapped(2, 3, b"1", b"2", UNKNOWN), read(4, 5, b"2")],
    "unknown swaps that need each other": [
        swapped(0, 1, None, b"1", UNKNOWN), swapped(2, 3, b"1", b"2", UNKNOWN), read(4, 5, b"2"),
    ],
    "an unknown swap that did not": [swapped(0, 1, None, b"1", UNKNOWN), read(4, 5, None)],
    "a swap back over a value that is read before": [
        wrote(0, 1, b"1"), swapped(2, 9, b"1", b"2"), read(3, 4, b"1"), read(8, 11, b"2"),
    ],
}  # fmt: skip

NOT_LINEAR = {
    "a value from nowhere": [read(0, 1, b"1")],
    "a lost write": [wrote(0, 1, b"1"), read(2, 3, None)],
    "a stale read": [wrote(0, 1, b"1"), wrote(2, 3, b"2"), read(4, 5, b"1")],
    "the value goes back": [wrote(0, 1, b"1"), wrote(2, 9, b"2"), read(3, 4, b"2"), read(5, 6, b"1")],
    "read before it was written": [read(0, 1, b"1"), wrote(2, 3, b"1")],
    "a failed write is seen": [wrote(0, 1, b"1", FAILED), read(2, 3, b"1")],
    "an unknown write takes effect twice": [
        wrote(0, 1, b"1", UNKNOWN), read(1, 2, b"1"), wrote(3, 4, b"2"), read(5, 6, b"2"), read(7, 8, b"1"),
    ],
    "an unknown deletion takes effect twice": [
        wrote(0, 1, b"1"), wrote(2, 3, None, UNKNOWN), read(4, 5, None), wrote(6, 7, b"2"), read(8, 9, None),
    ],
    "an unknown write takes effect before it began": [read(0, 1, b"1"), wrote(2, 3, b"1", UNKNOWN)],
    "two readers disagree on two writes": [
        wrote(0, 9, b"1"), wrote(0, 9, b"2"), read(1, 2, b"1"), read(3, 4, b"2"), read(5, 6, b"1"),
    ],
    "two swaps find the same value": [
        wrote(0, 1, b"1"), swapped(2, 9, b"1", b"2"), swapped(2, 9, b"1", b"3"), read(10, 11, b"3"),
    ],
    "a swap finds what was overwritten": [wrote(0, 1, b"1"), wrote(2, 3, b"2"), swapped(4, 5, b"1", b"3")],
    "an unknown swap whose value never stood": [
        wrote(0, 1, b"1"), swapped(2, 3, b"7", b"2", UNKNOWN), read(4, 5, b"2"),
    ],
    "an unknown swap finds what was overwritten before": [
        wrote(0, 1, b"1"), wrote(2, 3, b"2"), swapped(4, 5, b"1", b"3", UNKNOWN), read(6, 7, b"3"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", LINEAR)
def test_a_linearizable_history_passes(name):
    checked(Linear(), LINEAR[name])


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_a_history_that_is_not_linearizable_fails(name):
    with pytest.raises(Violation, match="k is not linearizable"):
        checked(Linear(), NOT_LINEAR[name])


def test_keys_are_looked_at_one_by_one():
    other = Call(4, 5, OK, 1, b"other", saw=None)
    checked(Linear(), [wrote(0, 1, b"1"), other, read(6, 7, b"1")])
    with pytest.raises(Violation, match="other is not linearizable"):
        checked(Linear(), [wrote(0, 1, b"1"), Call(0, 1, OK, 1, b"other", wrote=b"2"), other])


def test_many_writes_at_once_are_no_trouble():
    writes = [wrote(0, 100, b"%d" % number) for number in range(40)]
    reads = [read(101 + number, 101.5 + number, b"17") for number in range(40)]
    checked(Linear(), [*writes, *reads])
    with pytest.raises(Violation, match="not linearizable"):
        checked(Linear(), [*writes[:10], *reads[:3], read(200, 201, b"4")])


def test_many_unknown_deletions_are_tried_in_one_order_only():
    calls = [wrote(0, 1, None, UNKNOWN) for _ in range(40)]
    for number in range(20):
        calls += [wrote(4 * number + 2, 4 * number + 3, b"%d" % number), read(4 * number + 4, 4 * number + 5, None)]
    checked(Linear(), calls)
    with pytest.raises(Violation, match="not linearizable"):
        checked(Linear(), [*calls, read(100, 101, b"7")])


# -- snapshots ---------------------------------------------------------------------------------------------------------

ACCOUNTS = (b"a", b"b", b"c")


def look(*values, keys=ACCOUNTS, outcome=OK):
    return Look(0, 1, outcome, 1, tuple(zip(keys, values, strict=False)))


def test_a_bank_whose_sum_stays_passes():
    checked(Sums(ACCOUNTS, 30), [look(b"10", b"10", b"10"), look(b"0", b"29", b"1"), look(outcome=FAILED)])


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("the accounts hold 29, not 30", look(b"10", b"10", b"9")),
        ("the accounts hold 31, not 30", look(b"10", b"10", b"11")),
        ("overdrawn are .*b", look(b"20", b"-1", b"11")),
        ("2 rows instead of 3, missing are .*c", look(b"15", b"15")),
        ("4 rows instead of 3", look(b"10", b"10", b"5", b"5", keys=(b"a", b"b", b"c", b"c"))),
        ("3 rows instead of 3, missing are .*c", look(b"10", b"10", b"10", keys=(b"a", b"b", b"d"))),
    ],
)
def test_a_bank_that_lost_money_or_an_account_fails(text, wrong):
    with pytest.raises(Violation, match=text):
        checked(Sums(ACCOUNTS, 30), [look(b"10", b"10", b"10"), wrong])


def test_one_ring_passes_in_any_order():
    checked(Ring(ACCOUNTS), [look(b"b", b"c", b"a"), look(b"c", b"a", b"b")])


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("after 1 comes b'a'", look(b"a", b"c", b"b")),  # a ring of one, and one of two
        ("after 3 comes b'b'", look(b"b", b"c", b"b")),  # a lasso
        ("after 1 comes b'x'", look(b"x", b"c", b"a")),
        ("2 rows instead of 3", look(b"b", b"a")),
    ],
)
def test_a_broken_ring_fails(text, wrong):
    with pytest.raises(Violation, match=text):
        checked(Ring(ACCOUNTS), [wrong])


@pytest.mark.parametrize("checker", [Sums(ACCOUNTS, 30), Ring(ACCOUNTS)])
def test_who_has_seen_nothing_has_shown_nothing(checker):
    with pytest.raises(Violation, match="even once"):
        checked(checker, [look(outcome=FAILED)])


# -- sets --------------------------------------------------------------------------------------------------------------


def add(begin, end, element, outcome=OK):
    return Add(begin, end, outcome, 1, K, element)


def elements(begin, end, *found, outcome=OK):
    return Elements(begin, end, outcome, 2, K, frozenset(found))


SETS = {
    "an add under way is seen, or not": [add(0, 9, 1), elements(1, 2), elements(1, 3, 1), elements(10, 11, 1)],
    "an unknown add is never seen": [add(0, 1, 1, UNKNOWN), elements(2, 3), elements(4, 5)],
    "an unknown add is seen late": [add(0, 1, 1, UNKNOWN), elements(2, 3), elements(4, 5, 1), elements(6, 7, 1)],
    "a failed add is never seen": [add(0, 1, 1, FAILED), elements(2, 3)],
    "a failed read saw nothing": [add(0, 1, 1), elements(2, 3, outcome=FAILED), elements(4, 5, 1)],
    "reads at once, one with and one without": [add(0, 1, 1, UNKNOWN), elements(2, 5, 1), elements(3, 6)],
}
BAD_SETS = {
    "1 was lost": [add(0, 1, 1), add(0, 1, 2), elements(2, 3, 2)],
    "1 was lost, it stood at 3": [add(0, 1, 1, UNKNOWN), elements(2, 3, 1), elements(4, 5)],
    "1 was lost, it stood at 1": [add(0, 1, 1), elements(2, 3), elements(4, 5, 1)],  # a stale read
    "garbage: nobody added 7": [elements(0, 1, 7)],
    "1 was read, but never added": [add(0, 1, 1, FAILED), elements(2, 3, 1)],
    "1 was read, but never added by then": [elements(0, 1, 1), add(2, 3, 1)],
}


@pytest.mark.parametrize("name", SETS)
def test_a_set_that_only_grows_passes(name):
    checked(Members(), SETS[name])


@pytest.mark.parametrize("name", BAD_SETS)
def test_a_set_that_lost_an_element_or_found_one_fails(name):
    with pytest.raises(Violation, match=f"^{name}"):
        checked(Members(), BAD_SETS[name])


# -- counters ----------------------------------------------------------------------------------------------------------


def up(begin, end, amount, after=None, outcome=OK):
    return Increment(begin, end, outcome, 1, K, amount, after)


def value(begin, end, found, outcome=OK):
    return Count(begin, end, outcome, 2, K, found)


COUNTERS = {
    "one after the other": [value(0, 1, 0), up(2, 3, 2, 2), value(4, 5, 2), up(6, 7, 1, 3), value(8, 9, 3)],
    "two at once": [up(0, 9, 1, 3), up(0, 9, 2, 2), value(1, 8, 2), value(10, 11, 3)],
    "an unknown one counts": [up(0, 1, 5, None, UNKNOWN), value(2, 3, 0), value(4, 5, 5), up(6, 7, 1, 6)],
    "an unknown one does not count": [up(0, 1, 5, None, UNKNOWN), up(2, 3, 1, 1), value(4, 5, 1)],
    "a failed one does not count": [up(0, 1, 5, None, FAILED), value(2, 3, 0), value(2, 3, 9, FAILED)],
}
BAD_COUNTERS = {
    "an increment was lost": [up(0, 9, 1, 1), up(0, 9, 1, 1)],
    "an increment was lost, one of": [up(0, 9, 2, 2), up(0, 9, 3, 4)],
    "1 was seen, which must lie in 2 … 2": [up(0, 1, 1, 1), up(2, 3, 1, 2), value(4, 5, 1)],
    "0 was seen, which must lie in 1 … 1": [up(0, 1, 1), value(4, 5, 0)],
    "2 was seen, which must lie in 1 … 1": [up(0, 1, 1, 1), value(2, 3, 2)],  # counted twice
    "6 was seen, which must lie in 0 … 5": [up(0, 1, 5, None, UNKNOWN), value(2, 3, 6)],
    "1 was seen, which must lie in 0 … 0": [value(0, 1, 1), up(2, 3, 1, 1)],
    "5 was seen, which must lie in 0 … 0": [up(0, 1, 5, None, FAILED), value(2, 3, 5)],
    "a counter went back from 5 to 0": [up(0, 1, 5, None, UNKNOWN), value(2, 3, 5), value(4, 5, 0)],
    "3 was seen, which must lie in 5 … 5": [up(0, 1, 2), up(2, 3, 3, 3)],
}


@pytest.mark.parametrize("name", COUNTERS)
def test_a_counter_that_counts_passes(name):
    checked(Counts(), COUNTERS[name])


@pytest.mark.parametrize("name", BAD_COUNTERS)
def test_a_counter_that_lost_or_doubled_a_step_fails(name):
    with pytest.raises(Violation, match=f"^{name}"):
        checked(Counts(), BAD_COUNTERS[name])
