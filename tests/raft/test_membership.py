"""Configurations: their bytes, and what a change makes of them."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.raft.membership import changed, decode_configuration, encode_configuration, is_voter, left, members, node_of
from node.raft.messages import Configuration, Member
from node.raft.quorum import agreed, outcome, reached_by_majority
from tests.raft.lone import THREE

quickly = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ids = st.integers(0, 2**64 - 1)
some_members = st.lists(st.builds(Member, ids, ids), max_size=5).map(tuple)


@quickly
@given(st.builds(Configuration, ids, ids, some_members, some_members, some_members))
def test_a_configuration_survives_its_bytes(configuration: Configuration) -> None:
    body = encode_configuration(configuration)
    assert decode_configuration(body) == configuration
    for wrong in (body[:-1], body + b"\0", b""):
        with pytest.raises(ValueError, match="configuration"):
            decode_configuration(wrong)


def test_one_voter_more_or_less_is_a_single_step_and_more_is_joint() -> None:
    wider = changed(THREE, (1, 2, 3, 9), ())
    assert wider == Configuration(2, 5, (*THREE.voters, Member(4, 9)))
    swapped = changed(THREE, (1, 2, 9), ())
    assert swapped == Configuration(2, 5, (Member(1, 1), Member(2, 2), Member(4, 9)), THREE.voters)
    assert isinstance(swapped, Configuration)
    assert left(swapped) == Configuration(3, 5, (Member(1, 1), Member(2, 2), Member(4, 9)))


def test_a_learner_that_is_promoted_keeps_its_id() -> None:
    with_learner = changed(THREE, (1, 2, 3), (7,))
    assert isinstance(with_learner, Configuration) and with_learner.learners == (Member(4, 7),)
    promoted = changed(with_learner, (1, 2, 3, 7), ())
    assert isinstance(promoted, Configuration)
    assert (promoted.voters[-1], promoted.next_replica, promoted.outgoing) == (Member(4, 7), 5, ())


def test_a_voter_that_becomes_a_learner_votes_until_the_joint_configuration_is_left() -> None:
    joint = changed(THREE, (1, 9), (3,))
    assert isinstance(joint, Configuration) and is_voter(joint, 3) and joint.learners == (Member(3, 3),)
    assert [each.replica for each in members(joint)] == [1, 2, 3, 4]
    assert not is_voter(left(joint), 3) and node_of(left(joint), 3) == 3


def test_a_node_that_comes_back_is_a_new_replica() -> None:
    without = changed(THREE, (1, 2), ())
    assert isinstance(without, Configuration)
    again = changed(without, (1, 2, 3), ())
    assert isinstance(again, Configuration) and again.voters[-1] == Member(4, 3)


@pytest.mark.parametrize(
    ("voters", "learners", "why"),
    [((), (), "needs a voter"), ((1, 1), (), "twice"), ((1,), (1,), "twice"), ((3, 2, 1), (), "already")],
)
def test_what_makes_no_sense_is_refused(voters: tuple[int, ...], learners: tuple[int, ...], why: str) -> None:
    refused = changed(THREE, voters, learners)
    assert isinstance(refused, str) and why in refused


def test_a_joint_configuration_is_not_changed() -> None:
    joint = changed(THREE, (4, 5, 6), ())
    assert isinstance(joint, Configuration)
    assert "joint" in str(changed(joint, (1,), ()))


@quickly
@given(st.lists(st.integers(0, 9), min_size=1, max_size=7))
def test_a_majority_has_reached_the_value(values: list[int]) -> None:
    reached = reached_by_majority(values)
    assert 2 * sum(each >= reached for each in values) > len(values)
    assert 2 * sum(each > reached for each in values) <= len(values)


def test_nobody_agrees_without_voters() -> None:
    assert not agreed(Configuration(0, 1, ()), lambda each: True)


def test_an_election_is_lost_when_a_majority_is_out_of_reach() -> None:
    assert outcome(THREE, {1: True, 2: False}) is None
    assert outcome(THREE, {1: True, 2: False, 3: False}) is False
    assert outcome(THREE, {1: True, 2: True, 9: True}) is True
