"""Every anomaly by its name: the least history that shows it, and what the checker calls it."""

from itertools import count

import pytest

from argosy.testing.history import Outcome
from argosy.testing.linear import Violation
from argosy.testing.serial import Append, Attempt, Read, Scan, Serial

OTHERS = count(100)  # clients who do one thing only


def attempt(begin: float, end: float, text: str, client: int | None = None, outcome: Outcome = Outcome.OK) -> Attempt:
    """`x=1,2` reads, `x+3` appends, `a..z(x=1,2;y=3)` scans."""
    steps = []
    for word in text.split():
        if ".." in word:
            span, _, rows = word.rstrip(")").partition("(")
            start, end_key = span.split("..")
            found = tuple((row.partition("=")[0].encode(), items(row)) for row in rows.split(";") if row)
            steps.append(Scan(start.encode(), end_key.encode(), found))
        elif "=" in word:
            steps.append(Read(word.partition("=")[0].encode(), items(word)))
        else:
            key, _, item = word.partition("+")
            steps.append(Append(key.encode(), int(item)))
    return Attempt(begin, end, outcome, next(OTHERS) if client is None else client, tuple(steps))


def items(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.partition("=")[2].split(",") if each)


def unknown(begin: float, end: float, text: str) -> Attempt:
    return attempt(begin, end, text, outcome=Outcome.UNKNOWN)


def failed(begin: float, end: float, text: str) -> Attempt:
    return attempt(begin, end, text, outcome=Outcome.FAILED)


def check(history: list[Attempt]) -> None:
    serial = Serial()
    for each in history:
        serial.note(each)
    serial.check()


GOOD = {
    "nothing": [],
    "one after the other": [
        attempt(0, 1, "x= x+1"), attempt(2, 3, "x=1 x+2 y+3"), attempt(4, 5, "x=1,2 y=3"),
    ],
    "two at once, in either order": [
        attempt(0, 9, "x= y+1"), attempt(0, 9, "x+2"), attempt(10, 11, "x=2 y=1"),
    ],
    "a reader at once with a writer": [attempt(0, 9, "x+1"), attempt(1, 2, "x="), attempt(10, 11, "x=1")],
    "own appends are seen": [attempt(0, 1, "x= x+1 x+2 x=1,2"), attempt(2, 3, "x=1,2")],
    "an unknown one that happened late": [
        unknown(0, 1, "x+1 y+2"), attempt(2, 3, "x="), attempt(4, 5, "x=1 y=2"),
    ],
    "an unknown one that did not happen": [unknown(0, 1, "x+1"), attempt(4, 5, "x=")],
    "an unknown one whose reads do not fit, and which did not happen": [
        attempt(0, 1, "x+1"), unknown(2, 3, "x= x+2"), attempt(4, 5, "x=1"),
    ],
    "an unknown one that only an unknown one saw": [
        unknown(0, 1, "x+1"), unknown(2, 3, "x=1 y+2"), attempt(4, 5, "y=2"),
    ],
    "a failed one that nobody saw": [failed(0, 1, "x+1"), attempt(2, 3, "x=")],
    "a failed one that saw what it should not": [
        attempt(0, 1, "x+1"), failed(2, 3, "x= y+5"), attempt(4, 5, "x=1 y="),
    ],
    "a scan that covers half of the keys": [
        attempt(0, 1, "x+1 y+2"), attempt(2, 3, "a..y(x=1)"), attempt(4, 5, "x=1 y=2"),
    ],
    "nobody reads what was appended last": [attempt(0, 1, "x= x+1"), attempt(2, 3, "x=1"), attempt(4, 5, "x+2")],
}  # fmt: skip

BAD = {
    # one transaction or one list shows it
    "garbage: nobody appended 7 to x": [attempt(0, 1, "x=7")],
    "duplicate: x holds 1 more than once": [attempt(0, 1, "x+1"), attempt(2, 3, "x=1,1")],
    "incompatible orders of x": [
        attempt(0, 9, "x+1"), attempt(0, 9, "x+2"), attempt(0, 9, "x=2"), attempt(10, 11, "x=1,2"),
    ],
    "lost append: 1 is not in x": [attempt(0, 1, "x+1"), attempt(2, 3, "x=")],
    "lost append: 2 is not in x": [attempt(0, 1, "x+1"), attempt(0, 1, "x+2"), attempt(2, 3, "x=1")],
    "internal: it does not see its own appends to x": [attempt(0, 1, "x= x+1 x="), attempt(2, 3, "x=1")],
    "internal: it read two states of x": [attempt(0, 9, "x= y= x=1"), attempt(0, 1, "x+1")],
    r"G1a \(aborted read\)": [failed(0, 1, "x+1"), attempt(2, 3, "x=1")],
    r"G1a \(aborted read\): 2 in x": [  # below what others appended
        attempt(0, 1, "x+1"), failed(0, 1, "x+2"), attempt(2, 3, "x+3"), attempt(4, 5, "x=1,2,3"),
    ],
    r"G1b \(intermediate read\)": [attempt(0, 9, "x+1 x+2"), attempt(1, 8, "x=1"), attempt(10, 11, "x=1,2")],
    # circles
    "G0: ": [attempt(0, 9, "x+1 y+2"), attempt(0, 9, "x+3 y+4"), attempt(10, 11, "x=1,3 y=4,2")],
    "G1c: ": [attempt(0, 9, "x+1 y=2"), attempt(0, 9, "y+2 x=1"), attempt(10, 11, "x=1 y=2")],
    r"G-single \(lost update\)": [
        attempt(0, 9, "x= x+1"), attempt(0, 9, "x= x+2"), attempt(10, 11, "x=1,2"),
    ],
    r"G-single \(read skew\)": [
        attempt(0, 9, "x= y=2"), attempt(0, 9, "x+1 y+2"), attempt(10, 11, "x=1 y=2"),
    ],
    r"G-single \(read skew\): no order explains these 2": [  # half of a transaction, of unknown outcome
        unknown(0, 1, "x+1 y+2"), attempt(2, 3, "x=1 y="),
    ],
    r"G-single \(read skew\): no order explains these 3": [
        attempt(0, 9, "x= z=3"), attempt(0, 9, "x+1 y+2"), attempt(0, 9, "y=2 z+3"), attempt(10, 11, "x=1 y=2 z=3"),
    ],
    r"G2-item \(write skew\)": [
        attempt(0, 9, "x= y= x+1"), attempt(0, 9, "x= y= y+2"), attempt(10, 11, "x=1 y=2"),
    ],
    r"G2-item \(long fork\)": [
        attempt(0, 9, "x+1"), attempt(0, 9, "y+2"), attempt(0, 9, "x=1 y="), attempt(0, 9, "x= y=2"),
        attempt(10, 11, "x=1 y=2"),
    ],
    r"G2 \(write skew\)": [  # phantoms: each scans past the row that the other one adds
        attempt(0, 9, "a..z() x+1"), attempt(0, 9, "a..z() y+2"), attempt(10, 11, "x=1 y=2"),
    ],
    # the order of a client's own transactions closes the circle
    "G0-process": [attempt(0, 5, "x+1", 1), attempt(5, 9, "x+2", 1), attempt(10, 11, "x=2,1")],
    "G1c-process": [attempt(0, 5, "x=1", 1), attempt(5, 9, "x+1", 1)],
    r"G-single-process \(stale read\)": [
        attempt(0, 5, "x+1", 1), attempt(5, 9, "x=", 1), attempt(9, 11, "x=1"),
    ],
    r"G2-item-process \(long fork\)": [
        attempt(0, 5, "x+1", 1), attempt(5, 9, "y=", 1), attempt(0, 5, "y+2", 2), attempt(5, 9, "x=", 2),
        attempt(5, 11, "x=1 y=2"),
    ],
    # real time closes the circle
    "G0-realtime": [attempt(0, 1, "x+1"), attempt(2, 3, "x+2"), attempt(4, 5, "x=2,1")],
    "G1c-realtime": [attempt(0, 1, "x=1"), attempt(2, 3, "x+1")],
    r"G-single-realtime \(stale read\)": [
        attempt(0, 1, "x+1"), attempt(2, 3, "x="), attempt(2, 5, "x=1"),
    ],
    r"G-single-realtime \(stale read\): no order explains these 3": [  # the writer is on its way all the time
        attempt(0, 19, "x+1"), attempt(1, 5, "x=1"), attempt(6, 9, "x="), attempt(20, 21, "x=1"),
    ],
    r"G2-item-realtime \(write skew\)": [
        attempt(0, 19, "x= y+2"), attempt(1, 2, "x+1"), attempt(3, 4, "y="), attempt(20, 21, "x=1 y=2"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_strictly_serializable_history_passes(name):
    check(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_each_anomaly_is_found_and_named(name):
    with pytest.raises(Violation, match=f"^{name}"):
        check(BAD[name])


@pytest.mark.parametrize("name", BAD)
def test_the_name_does_not_depend_on_the_order_of_the_records(name):
    with pytest.raises(Violation, match=f"^{name}"):
        check(BAD[name][::-1])


def test_a_report_shows_who_did_what_when_and_why_it_cannot_be():
    history = [attempt(0, 9, "x= y=2", 1), attempt(1, 8, "x+1 y+2", 2), attempt(10, 11, "x=1 y=2", 3)]
    with pytest.raises(Violation) as caught:
        check(history)
    assert str(caught.value) == (
        "G-single (read skew): no order explains these 2 transactions\n"
        "  T0 = c1 [0.0000, 9.0000] read x=[], read y=[2]\n"
        "  T1 = c2 [1.0000, 8.0000] appended x+1, appended y+2\n"
        "  T0 → T1 rw: T0 read x without 1, which T1 appended\n"
        "  T1 → T0 wr: T1 appended 2 to y, T0 read it"
    )


def test_time_is_told_as_one_edge_however_many_others_lie_between():
    others = [attempt(6 + number, 6.5 + number, f"z{number}+{100 + number}") for number in range(20)]
    history = [attempt(0, 39, "x+1"), attempt(1, 5, "x=1"), *others, attempt(30, 31, "x="), attempt(40, 41, "x=1")]
    with pytest.raises(Violation, match="stale read") as caught:
        check(history)
    assert str(caught.value).splitlines()[-3:] == [
        "  T22 → T0 rw: T22 read x without 1, which T0 appended",
        "  T0 → T1 wr: T0 appended 1 to x, T1 read it",
        "  T1 → T22 realtime: T1 ended before T22 began",
    ]


def test_a_circle_that_needs_no_time_is_told_rather_than_one_that_does():
    stale = [attempt(20, 21, "z+8"), attempt(22, 23, "z="), attempt(22, 25, "z=8")]
    with pytest.raises(Violation, match="write skew"):
        check([*stale, *BAD[r"G2-item \(write skew\)"]])
