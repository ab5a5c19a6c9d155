from hypothesis import given
from hypothesis import strategies as st

from ranges.descriptor import Descriptor, Replica
from ranges.directory import Directory, just_below
from tests.ranges.played import whole


def directory(*descriptors: Descriptor) -> Directory:
    made = Directory()
    made.learn(descriptors)
    made.check()
    return made


def test_a_key_is_found_in_its_range_and_nowhere_else():
    left, right = whole(1, b"b", b"m"), whole(2, b"m", b"z")
    made = directory(right, left)
    assert [made.find(key) for key in (b"a", b"b", b"lz", b"m", b"z")] == [None, left, left, right, None]


def test_a_newer_span_puts_out_what_it_overlaps():
    made = directory(whole(1, b"b", b"z", span=1))
    made.learn([whole(2, b"m", b"z", span=2)])
    assert made.find(b"n") == whole(2, b"m", b"z", span=2)
    assert made.find(b"c") is None, "nobody knows what the left has become"


def test_an_older_descriptor_leads_only_where_nothing_newer_does():
    right = whole(2, b"m", b"p", span=2)
    made = directory(right)
    made.learn([whole(1, b"b", b"z", span=1)])
    made.check()
    assert made.find(b"n") is right
    assert (made.find(b"c").end, made.find(b"q").start) == (b"m", b"p")


def test_a_change_of_members_replaces_the_same_span():
    made = directory(whole(configuration=3))
    moved = Descriptor(1, b"\x01", b"\xff", 1, 4, (Replica(7, 9, True),))
    made.learn([whole(configuration=2), moved])
    assert made.find(b"k") is moved


def test_only_the_same_descriptor_is_forgotten():
    old = whole()
    made = directory(old)
    made.learn([whole(span=2)])
    made.forget(old)
    assert made.find(b"k") == whole(span=2)
    made.forget(made.find(b"k"))
    assert made.find(b"k") is None


def test_the_leader_is_the_hint_else_the_first_voter():
    made = directory(Descriptor(1, b"a", b"z", 1, 1, (Replica(4, 1, False), Replica(5, 2, True))))
    found = made.find(b"k")
    assert made.leader(found) == 5
    made.lead(1, 4)
    assert made.leader(found) == 4
    made.lead(1, 0)
    assert made.leader(found) == 5
    assert made.leader(Descriptor(2, b"a", b"z", 1, 1, ())) == 0


def test_control_nodes_have_addresses():
    made = Directory()
    made.learn_control([(1, "a"), (2, "b")])
    made.learn_control([])
    assert (made.control, made.control_nodes()) == ((1, 2), ((1, "a"), (2, "b")))
    assert (made.address(2), made.address(3), made.nodes()) == ("b", None, (1, 2))


KEYS = st.binary(min_size=1, max_size=3).filter(lambda key: b"\x01" <= key < b"\xff")


@given(KEYS, KEYS)
def test_no_range_starts_between_a_key_and_what_is_just_below_it(split, end):
    """A reverse scan is routed by it: every split is at a key."""
    if end > b"\x01":
        assert split <= just_below(end) or split >= end


SPANS = st.tuples(st.integers(1, 8), st.integers(1, 8)).filter(lambda pair: pair[0] < pair[1])
LEARNT = st.lists(st.tuples(SPANS, st.integers(1, 4), st.integers(1, 2)), max_size=12)


@given(LEARNT)
def test_cached_descriptors_never_overlap_and_the_newer_one_stands(rows):
    made = Directory()
    for number, ((first, last), span, configuration) in enumerate(rows):
        new = whole(number + 1, bytes([first]), bytes([last]), span, configuration)
        before = {place: made.find(bytes([place])) for place in range(1, 9)}
        made.learn([new])
        made.check()
        for place in range(first, last):
            old, now = before[place], made.find(bytes([place]))
            epoch = (now.span_version, now.configuration_version)
            assert epoch == max(epoch, (span, configuration)), "what was just learnt is known"
            if old is not None:
                assert epoch >= (old.span_version, old.configuration_version), "an older one took the place"
