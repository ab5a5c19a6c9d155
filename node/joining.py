"""Requests that share a log entry: what a leader admits in one step need not cost an entry each.

Owns how admitted requests become entries, and how an entry's outcome is given back to its requests. Does not own
which may share (a machine says so with `Proposal.joins`) nor what the shared bytes are. Read next: node/group.py.
"""

from collections.abc import Iterable, Sequence

from node.machine import Applied, Proposal, Request

REQUESTS_MAX = 512  # in one entry
BYTES_MAX = 256 << 10  # of their bodies, but for a single larger one

Admitted = tuple[Proposal, Request]


def entries(rows: Sequence[Admitted]) -> list[tuple[bytes, Request]]:
    """(the body of an entry, what is to be answered when it is applied), in the order of admission.

    Neighbours with the same `joins` and the same span version share an entry, whose request has them as `shares`.
    """
    found: list[tuple[bytes, Request]] = []
    run: list[Admitted] = []
    size = 0
    for row in rows:
        proposal, request = row
        if run and (
            proposal.joins is not run[0][0].joins
            or request.span != run[0][1].span
            or size + len(request.body) > BYTES_MAX
            or len(run) == REQUESTS_MAX
        ):
            found.append(_joined(run))
            run, size = [], 0
        if proposal.joins is None:
            found.append((proposal.stamp + request.body, request))
        else:
            run.append(row)
            size += len(request.body)
    if run:
        found.append(_joined(run))
    return found


def _joined(run: list[Admitted]) -> tuple[bytes, Request]:
    joins, first = run[0][0].joins, run[0][1]
    assert joins is not None, "only what joins is gathered"
    body, message = joins(run)
    shares = [request for _, request in run]
    return body, Request(first.link, 0, first.group, first.span, b"", message, first.since, shares=shares)


def outcomes(request: Request, applied: Applied) -> Iterable[tuple[Request, Applied]]:
    """What each request of an entry is to be answered."""
    if not request.shares:
        return ((request, applied),)
    return zip(request.shares, request.message.outcomes(applied, request.shares), strict=True)
