"""A group's durable mark: what stands with its applied index on disk.

Owns its form: replica, Raft configuration, the machine's own part, and a base. Read next: node/replicas.py.
"""

from node.codec import decode_plain, encode_plain
from node.raft.membership import decode_configuration, encode_configuration
from node.raft.messages import Configuration, Position


def encode_mark(replica: int, configuration: Configuration, machine: bytes, base: tuple[int, int] = (0, 0)) -> bytes:
    """A group's durable mark. `base` is (index, term) where its rows came without its log: a snapshot, a first mark."""
    return encode_plain((replica, encode_configuration(configuration), machine, base))


def decode_mark(mark: bytes) -> tuple[int, Configuration, bytes, Position]:
    """(replica, configuration, the machine's mark, base)."""
    replica, configuration, machine, base = decode_plain(mark)
    return replica, decode_configuration(configuration), machine, Position(*base)
