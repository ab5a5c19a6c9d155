"""Errors of floor 1: surprises, never expected outcomes (those are replies, values).

Owns the classes that a person may meet when a node cannot start or must stop.
Does not own: `Aborted`, `OutcomeUnknown`, `Unavailable` (txn/errors.py). Read next: node/machine.py.
"""

RECOVER = (
    "if other nodes hold its ranges, remove this node's directory and join again, under a new id; "
    "else bring back a copy of the whole directory"
)


class NodeError(Exception):
    """A node cannot go on or cannot start; the text says what happened, where, and what to do."""


class DirectoryError(NodeError):
    """The directory belongs to another cluster or node, is in use, or is from a newer version."""


class DiskError(NodeError):
    """A disk refused or lost something; the node stops, since what it holds can no longer be trusted."""


class Malformed(NodeError):
    """Bytes from outside (network, file) that do not have the promised form; nothing was done with them."""


class AddressError(NodeError):
    """An address cannot be used: a port in use, a name that does not resolve, nobody who answers."""
