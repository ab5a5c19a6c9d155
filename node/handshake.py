"""The handshake of a link: what two Hellos must agree on, and which of two links between two nodes stays.

Pure decisions; sockets are node/link.py's. The dialling side says HELLO, the other WELCOME or REFUSED with a text.
"""

from node.ports import Hello, Kind, Role

HELLO_BYTES_MAX = 64 << 10  # a frame before the handshake is done
LINK_SETTLE_SECONDS = 2.0  # two links that came up within this time were dialled at once from both sides
CLIENT_SENDS = frozenset((Kind.REQUESTS,))
CLIENT_TAKES = frozenset((Kind.REPLIES,))
NODE_SENDS = frozenset((Kind.REQUESTS, Kind.REPLIES, Kind.RAFT, Kind.SUPPORT, Kind.SNAPSHOT))
NO_NODE = "the certificate is not that of a node"
SEVERAL = "there is a link between these two nodes already"


def read_hello(payload: object) -> Hello | None:
    """A Hello of the right form, or None."""
    match payload:
        case (int(role), bytes(cluster), int(node), int(life), str(address), tuple(routes)):
            pass
        case _:
            return None
    well = all(type(row) is tuple and len(row) == 2 and type(row[0]) is int and type(row[1]) is str for row in routes)
    return Hello(role, cluster, node, life, address, routes) if well and role in (Role.NODE, Role.CLIENT) else None


def hello_row(hello: Hello) -> tuple[object, ...]:
    """A Hello as the payload of its frame."""
    return (int(hello.role), hello.cluster, hello.node, hello.life, hello.address, hello.routes)


def judge(own: Hello, theirs: Hello, dialled: bool, wanted: int) -> str | None:
    """Why the two do not talk; None if they do. If we `dialled`, node `wanted` is expected (0 or less: any)."""
    return _judge_welcome(own, theirs, wanted) if dialled else _judge_dialler(own, theirs)


def kinds_from(own: Hello, theirs: Hello) -> frozenset[int]:
    """The kinds of frames that the other side may send on a link that stands."""
    if theirs.role == Role.CLIENT:
        return CLIENT_SENDS
    return CLIENT_TAKES if own.role == Role.CLIENT else NODE_SENDS


def _judge_dialler(own: Hello, theirs: Hello) -> str | None:
    if theirs.role == Role.CLIENT:
        if theirs.cluster and theirs.cluster != own.cluster:
            return f"this node belongs to cluster {own.cluster.hex()}, not to {theirs.cluster.hex()}"
        return None
    if not own.cluster or theirs.cluster != own.cluster:
        return f"this node belongs to cluster {own.cluster.hex() or '(none yet)'}, not to {theirs.cluster.hex()}"
    if theirs.node == own.node or theirs.node <= 0:
        return f"node {theirs.node} is this node itself, or no node: does an address name the wrong machine?"
    return None


def _judge_welcome(own: Hello, theirs: Hello, wanted: int) -> str | None:
    if theirs.role != Role.NODE:
        return "who answered is not a node"
    if own.cluster and theirs.cluster != own.cluster:
        return f"who answered belongs to cluster {theirs.cluster.hex()}, not to {own.cluster.hex()}"
    if wanted > 0 and theirs.node != wanted:
        return f"node {theirs.node} answered where node {wanted} was expected"
    return None


def newer_stays(own: int, other: int, old: tuple[int, bool], new: tuple[int, bool], old_seconds: float) -> bool:
    """Of two links between the nodes `own` and `other`, whether the newer one stays.

    A link is told by (life of the other node, dialled by us). Normally the newer one: the other side would not have
    made it if it still had the old. When both sides dialled at once, both keep the one that the smaller node dialled.
    """
    if old[0] != new[0]:
        return new[0] > old[0]
    if old[1] == new[1] or old_seconds > LINK_SETTLE_SECONDS:
        return True
    return new[1] == (own < other)
