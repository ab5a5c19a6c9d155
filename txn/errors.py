"""What a user may meet: three outcomes that no operation can hide, and input that breaks a limit.

Owns the exceptions of the public face, and a text that several raise. Inside, expected outcomes are replies
(txn/replies.py); they become one of these only where a caller is told. Does not own the errors of a node's start and
stop (node/errors.py).
Read next: txn/database.py.
"""

TOO_OLD = (
    "it reads a moment older than what is still kept, which is an hour unless the nodes were told otherwise "
    "(retention_seconds): begin again, and do less in one transaction or scan, or have more kept"
)


class ArgosyError(Exception):
    """Every error of the database's operations."""


class Aborted(ArgosyError):
    """It certainly did not happen, and nobody will ever see it. Trying again is safe."""


class OutcomeUnknown(ArgosyError):
    """It may have happened, or may still: nobody answered in time who knew. Look before trying again."""


class Unavailable(ArgosyError):
    """Nobody who could do it answered in time. Nothing was written."""


class BadInput(ArgosyError, ValueError):
    """An argument breaks a limit, which the text names; nothing was sent."""


class BadType(BadInput, TypeError):
    """An argument is of another type than the text says; nothing was sent."""
