"""Configurations: their bytes, and how one becomes the next (paper section 6; thesis chapter 4).

Owns the only truth about members (traps 12): what a change asks for, single step or joint, and its end.
Does not own when a change may be appended (node/raft/leader.py). Read next: node/raft/quorum.py.
"""

import struct
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from node.raft.messages import Configuration, Member

_HEAD = struct.Struct("<QQHHH")
_MEMBER = struct.Struct("<QQ")

CONFIGURATIONS_SHARED_MAX = 1024

NOBODY = Configuration(0, 1, ())  # of a replica that knows nothing yet: it waits for its leader


def encode_configuration(configuration: Configuration) -> bytes:
    """The body of a configuration entry."""
    groups = (configuration.voters, configuration.outgoing, configuration.learners)
    head = _HEAD.pack(configuration.version, configuration.next_replica, *(len(each) for each in groups))
    return head + b"".join(_MEMBER.pack(*member) for members in groups for member in members)


@lru_cache(maxsize=CONFIGURATIONS_SHARED_MAX)
def decode_configuration(body: bytes) -> Configuration:
    """The configuration in an entry's body. Raises ValueError if the bytes do not have the promised form.

    Ranges that came of one by splits have the same members in the same bytes, and so one object.
    """
    if len(body) < _HEAD.size:
        raise ValueError(f"a configuration of {len(body)} bytes is too short")
    version, next_replica, voters, outgoing, learners = _HEAD.unpack_from(body)
    if len(body) != _HEAD.size + _MEMBER.size * (voters + outgoing + learners):
        raise ValueError(f"a configuration of {len(body)} bytes does not hold what its head says")
    members = tuple(Member(*each) for each in _MEMBER.iter_unpack(body[_HEAD.size :]))
    joint = voters + outgoing
    return Configuration(version, next_replica, members[:voters], members[voters:joint], members[joint:])


def members(configuration: Configuration) -> tuple[Member, ...]:
    """Every member, of both halves and the learners, once each, by replica id."""
    return tuple(sorted({*configuration.voters, *configuration.outgoing, *configuration.learners}))


def node_of(configuration: Configuration, replica: int) -> int:
    """The node on which a member lives; 0 if it is none."""
    for group in (configuration.voters, configuration.outgoing, configuration.learners):
        for member in group:
            if member[0] == replica:
                return member[1]
    return 0


def is_voter(configuration: Configuration, replica: int) -> bool:
    """Whether a replica votes, in either half."""
    return any(each[0] == replica for each in configuration.voters + configuration.outgoing)


def changed(configuration: Configuration, voters: Sequence[int], learners: Sequence[int]) -> Configuration | str:
    """The configuration that makes these nodes the voters and learners, or why there is none.

    A node that is a member keeps its replica id; a node that comes (back) gets the next one (traps 9). One voter
    more or less is a single step; more is a joint configuration whose `outgoing` are the voters of today.
    """
    if configuration.outgoing:
        return "the configuration is joint: a change is under way"
    if not voters:
        return "a group needs a voter"
    if len({*voters, *learners}) != len(voters) + len(learners):
        return "a node is named twice"
    known = {each.node: each for each in members(configuration)}
    free = configuration.next_replica
    for node in (*voters, *learners):
        if node not in known:
            known[node] = Member(free, node)
            free += 1
    target = tuple(sorted(known[node] for node in voters))
    others = tuple(sorted(known[node] for node in learners))
    if (target, others) == (configuration.voters, configuration.learners):
        return "the members are these already"
    single = len(set(target) ^ set(configuration.voters)) <= 1
    outgoing = () if single else configuration.voters
    return Configuration(configuration.version + 1, free, target, outgoing, others)


def left(configuration: Configuration) -> Configuration:
    """The configuration after a joint one: its outgoing voters are gone (or learners, if they were named)."""
    assert configuration.outgoing, "only a joint configuration is left"
    return replace(configuration, version=configuration.version + 1, outgoing=())
