"""One-shot puts (C2a): what a client sends, and how those of one step share a log entry.

Owns `Put`, `Puts` and the order of their checks; class tags 128 and 143. Does not own the other commands
(txn/commands.py) nor how entries are shared (node/joining.py). Read next: txn/commands.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from node.codec import encode, message
from node.machine import Answer, Applied, Proposal, Request, Wait
from ranges.config import ID_BYTES, KEY_BYTES_MAX, VALUE_BYTES_MAX
from ranges.floors import LeaderMemory
from ranges.keys import head, is_key
from ranges.machine import RangeMachine, stamp
from ranges.mvcc import intent_from
from ranges.sampler import Keyed
from txn.commands import locked
from txn.replies import Committed, IsAborted, Pushed, TooOld


@message(128)
@dataclass(frozen=True, slots=True)
class Put(Keyed):
    """One-shot put, or delete where `value` is None (C2a). S and A are the tick that its node takes for the copy.

    `born` is the largest tick that the client knew when it made the id, the same in every copy.
    -> Committed, IsAborted, Locked, Pushed or TooOld.
    """

    id: bytes
    born: int
    key: bytes
    value: bytes | None
    sort: ClassVar[str] = "command"
    wants_tick: ClassVar[bool] = True

    def __post_init__(self) -> None:
        key, value = self.key, self.value
        # In the open, since every put passes here; most keys are far below the limit.
        if (
            len(self.id) != ID_BYTES
            or self.born < 0
            or not (0 < len(key) <= KEY_BYTES_MAX // 2 or is_key(key))
            or (value is not None and len(value) > VALUE_BYTES_MAX)
        ):
            raise ValueError("a put needs an id of 16 bytes, its born, and a key and value within their limits")

    def within(self, start: bytes, end: bytes) -> bool:
        """Is its key here?"""
        return start <= self.key < end

    def reach(self) -> tuple[bytes, bytes]:
        """Its key."""
        return self.key, self.key

    def admit(self, machine: RangeMachine, request: Request, now: float) -> Proposal | Answer | Wait:
        """F4 by `born`, C6, C_k."""
        tick, key = request.tick, self.key
        if self.born <= machine.closed and machine.closed:
            return Answer(TooOld(tick))
        row, newest = machine.rows.standing(head(key))
        if row is not None:
            return machine.wait_settled(intent_from(key, row))
        memory = machine.leading
        commit = memory.choose(key, tick, tick, newest)
        if not commit:
            return Answer(Pushed())
        memory.register(key, commit)
        return Proposal(commit.to_bytes(8, "big"), join_puts)


@message(143)
@dataclass(frozen=True, slots=True)
class Puts:
    """What became of the one-shot puts of one step, in the log: a column each of ids, borns, C, keys and values.

    They share an entry and nothing else: each is applied by itself, in order. Nobody sends this message.
    """

    ids: bytes
    borns: tuple[int, ...]
    commits: tuple[int, ...]
    keys: tuple[bytes, ...]
    values: tuple[bytes | None, ...]

    def within(self, start: bytes, end: bytes) -> bool:
        """They were admitted under the entry's span version, so all of their keys are inside."""
        return True

    def apply(self, machine: RangeMachine, commit: int, tick: int, commits: Sequence[int]) -> Applied:
        """C2's checks in their order for each put; V is empty. The reply is the C of what is committed, or why not."""
        rows, closed, ids = machine.rows, machine.closed, self.ids
        said: list[Any] = []
        waits: dict[int, Wait] = {}
        for key, value, born, chosen in zip(self.keys, self.values, self.borns, self.commits, strict=True):
            place = len(said)
            if born <= closed and closed:
                said.append(0)
                continue
            name, escaped = ids[place * ID_BYTES : (place + 1) * ID_BYTES], head(key)
            own, barred, row, newest = rows.survey(escaped, name, born)
            if own:
                said.append(own)
            elif barred:
                said.append(IsAborted())
            elif row is not None:
                refusal = locked(machine, intent_from(key, row))
                said.append(refusal.reply)
                if refusal.wait is not None:
                    waits[place] = refusal.wait
            elif newest >= chosen:
                said.append(Pushed())
            else:
                rows.put_version(escaped, chosen, name, value)
                said.append(chosen)
        return Applied(said, waits=waits)

    def outcomes(self, applied: Applied, shares: Sequence[Request]) -> Iterator[Applied]:
        """The reply of each; all are refused alike where the whole entry was (M1)."""
        said, waits = applied.reply, applied.waits
        if waits is None:
            yield from [applied] * len(shares)
            return
        for place, one in enumerate(said):
            if type(one) is int:
                yield Applied(Committed(one) if one else TooOld(shares[place].tick))
            else:
                yield Applied(one, wait=waits.get(place))

    def release(self, memory: LeaderMemory, commit: int, commits: Sequence[int]) -> Sequence[bytes]:
        """All of their keys, each at its own C."""
        return [key for key, chosen in zip(self.keys, self.commits, strict=True) if memory.release(key, chosen)]


def join_puts(rows: Sequence[tuple[Proposal, Request]]) -> tuple[bytes, Puts]:
    """The entry of admitted puts, and its message."""
    puts = [request.message for _, request in rows]
    joint = Puts(
        b"".join([put.id for put in puts]),
        tuple([put.born for put in puts]),
        tuple([int.from_bytes(proposal.stamp, "big") for proposal, _ in rows]),
        tuple([put.key for put in puts]),
        tuple([put.value for put in puts]),
    )
    return stamp(rows[0][1].span) + encode(joint), joint
