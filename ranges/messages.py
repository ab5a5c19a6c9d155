"""Replies that every range gives, whatever the command or query, and the intent as it travels.

Owns the epoch's refusals (M1) and `Intent`; class tags 64 to 99 belong to floor 2.
Does not own the transaction's commands and their replies (txn/commands.py, txn/queries.py).
Read next: ranges/machine.py.
"""

from dataclasses import dataclass

from node.codec import message
from ranges.descriptor import Descriptor


@message(66)
@dataclass(frozen=True, slots=True)
class StaleSpan:
    """The message's span version is not the range's, or its keys are elsewhere (M1). Changed nothing: definite.

    The descriptors are the range's own and, if it has just been split, its right side's.
    """

    descriptors: tuple[Descriptor, ...]


@message(67)
@dataclass(frozen=True, slots=True)
class NotYet:
    """Send again, by newer routes: the message's span version is newer than what this replica has applied (M1), or
    the range is being merged (M3). Definite.
    """


@message(69)
@dataclass(frozen=True, slots=True)
class Intent:
    """An uncommitted version on `key`, by the attempt `id` that started at S, as `age` says for the first time.

    `commit` is C_k. On the primary `keys` are all that the attempt writes, and `inside` says whether it read
    nothing else; elsewhere `keys` is empty and `inside` False.
    """

    key: bytes
    id: bytes
    S: int
    age: int
    commit: int
    primary: bytes
    keys: tuple[bytes, ...]
    inside: bool
