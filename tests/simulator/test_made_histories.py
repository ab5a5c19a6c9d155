"""Histories of a really serial execution pass whatever overlaps; with one thing changed that nobody could see, not."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from argosy.testing.growing import Count, Counts, Elements, Increment, Members
from argosy.testing.history import Outcome
from argosy.testing.linear import Linear, Violation
from argosy.testing.serial import Append, Attempt, Read, Scan, Serial
from argosy.testing.snapshots import Sums
from tests.simulator import histories

OK = Outcome.OK
CHECKERS = {
    "registers": Linear,
    "lists": Serial,
    "sets": Members,
    "counters": Counts,
    "looks": lambda: Sums(histories.KEYS, 10 * len(histories.KEYS)),
}


def made(test):
    """Run it on histories of many seeds, lengths and numbers of clients; no example has a time to keep."""
    given_them = given(seed=st.integers(0, 2**32), count=st.integers(5, 60), clients=st.integers(1, 8))
    return settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))(given_them(test))


def check(name, history):
    checker = CHECKERS[name]()
    for each in history:
        checker.note(each)
    checker.check()


def chosen(chance, rows):
    assume(rows)
    return chance.choice(rows)


def exchanged(history, old, new):
    return [new if each is old else each for each in history]


@pytest.mark.parametrize("name", CHECKERS)
@made
def test_what_was_done_one_after_the_other_passes(name, seed, count, clients):
    chance = Random(seed)
    history = histories.MAKERS[name](chance, count, clients)
    chance.shuffle(history)
    check(name, history)


@made
def test_one_stale_read_of_a_register_is_found(seed, count, clients):
    chance = Random(seed)
    history = histories.registers(chance, count, clients)
    read = chosen(chance, [each for each in history if each.wrote is ... and each.outcome is OK])
    writes = [each for each in history if each.key == read.key and each.wrote is not ... and each.outcome is OK]
    later = chosen(chance, [each for each in writes if each.end < read.begin])
    former = chosen(chance, [each for each in writes if each.end < later.begin and each.wrote is not None])
    with pytest.raises(Violation, match="not linearizable"):
        check("registers", exchanged(history, read, replace(read, saw=former.wrote)))


def reads_of(history):
    """Reads with items, of attempts that did nothing before to that list."""
    for attempt in history:
        for step in attempt.steps if attempt.outcome is OK else ():
            first = next(
                each for each in attempt.steps if isinstance(each, Scan) or each.key == getattr(step, "key", 0)
            )
            if isinstance(step, Read) and step is first and step.items:
                yield attempt, step


def with_items(history, attempt, read, items):
    """Every read of that list by that attempt is changed alike, so that it agrees with itself."""
    missing = len(read.items) - len(items)
    steps = tuple(
        Read(step.key, items + step.items[len(items) + missing :])
        if isinstance(step, Read) and step.key == read.key
        else step
        for step in attempt.steps
    )
    return exchanged(history, attempt, Attempt(attempt.begin, attempt.end, attempt.outcome, attempt.client, steps))


@made
def test_one_stale_read_of_a_list_is_found(seed, count, clients):
    chance = Random(seed)
    history = histories.lists(chance, count, clients)
    appended = {step.item: each for each in history for step in each.steps if isinstance(step, Append)}
    stale = [(each, read) for each, read in reads_of(history) if appended[read.items[-1]].until < each.begin]
    attempt, read = chosen(chance, stale)
    with pytest.raises(Violation):
        check("lists", with_items(history, attempt, read, read.items[:-1]))


@made
def test_two_swapped_items_of_a_list_are_found(seed, count, clients):
    chance = Random(seed)
    history = histories.lists(chance, count, clients)
    attempt, read = chosen(chance, [row for row in reads_of(history) if len(row[1].items) > 1])
    place = chance.randrange(len(read.items) - 1)
    items = list(read.items)
    items[place], items[place + 1] = items[place + 1], items[place]
    with pytest.raises(Violation, match="incompatible orders"):
        check("lists", with_items(history, attempt, read, tuple(items)))


@made
def test_two_transactions_in_swapped_order_are_found(seed, count, clients):
    """Everybody sees them so; only real time tells."""
    chance = Random(seed)
    history = histories.lists(chance, count, clients)
    attempts = [each for each in history if each.outcome is OK]
    pairs = [(one, two) for one in attempts for two in attempts if one.end < two.begin and appends_before(one, two)]
    former, later = chosen(chance, pairs)
    moved = exchanged(history, former, replace(former, begin=later.begin, end=later.end, client=98))
    moved = exchanged(moved, later, replace(later, begin=former.begin, end=former.end, client=99))
    with pytest.raises(Violation):
        check("lists", moved)


def appends_before(one, two):
    """Has the first one appended to a list that the other one touches?"""
    keys = {step.key for step in one.steps if isinstance(step, Append)}
    return any(isinstance(step, Read | Append) and step.key in keys for step in two.steps)


@made
def test_one_lost_element_of_a_set_is_found(seed, count, clients):
    chance = Random(seed)
    history = histories.sets(chance, count, clients)
    stands = {each.element: each.until for each in history if not isinstance(each, Elements)}
    reads = [each for each in history if isinstance(each, Elements) and each.outcome is OK]
    read, element = chosen(
        chance, [(read, each) for read in reads for each in sorted(read.elements) if stands[each] < read.begin]
    )
    with pytest.raises(Violation, match="was lost"):
        check("sets", exchanged(history, read, replace(read, elements=read.elements - {element})))


@made
def test_one_lost_step_of_a_counter_is_found(seed, count, clients):
    chance = Random(seed)
    history = histories.counters(chance, count, clients)
    count_up = [each for each in history if isinstance(each, Increment)]
    reads = [each for each in history if isinstance(each, Count) and each.outcome is OK]
    read = chosen(chance, reads)
    stands = sum(each.amount for each in count_up if each.until < read.begin)
    assume(stands)
    with pytest.raises(Violation):
        check("counters", exchanged(history, read, replace(read, value=stands - 1)))


@made
def test_one_account_that_is_off_by_one_is_found(seed, count, clients):
    chance = Random(seed)
    history = histories.looks(chance, count, clients)
    look = chosen(chance, [each for each in history if each.outcome is OK])
    (key, value), *rest = look.rows
    with pytest.raises(Violation, match="the accounts hold"):
        check("looks", exchanged(history, look, replace(look, rows=((key, b"%d" % (int(value) + 1)), *rest))))
