"""Requests that share a log entry: what a leader admits in one step need not cost an entry each.

Owns how admitted requests become entries, how an entry's outcome is given back to its requests, and for how long
commands wait for company. Does not own which may share (a machine says so with `Proposal.joins`) nor what the shared
bytes are. Read next: node/group.py.
"""

from collections.abc import Iterable, Sequence

from node.config import COMPANY_SHARE, GATHER_SECONDS
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


class Company:
    """Whom commands had better wait for before they begin, since the last proposal of their group.

    Those before them, while they are under way. Then the senders of those: who sends one after the other comes again
    as soon as he is answered, and else would find the others gone, so that two halves take turns for ever.

    1. The wait ends when as many are held as were answered and held, and at `until` in any case.
    """

    __slots__ = ("_answered", "_answered_at", "_expected", "_since", "_step", "until")

    def __init__(self, now: float) -> None:
        self.until = now + GATHER_SECONDS
        self._since = now
        self._answered = self._expected = 0
        self._answered_at = now
        self._step = 0

    def answered(self, request: Request, now: float, step: int) -> None:
        """The requests of an entry are answered, in this step of the node.

        Only those of a shared entry come again by themselves: what follows other commands goes to other groups too.
        """
        self._answered += len(request.shares)
        self._answered_at = now
        self._step = step

    def is_awaited(self, held: int, under_way: bool, now: float, step: int) -> bool:
        """Whether so many held commands are to wait on."""
        if not under_way and self._answered:
            if step == self._step:
                self.until = now
                return True  # the replies leave at the end of this step: the wait begins with the next one
            if now < self._answered_at + GATHER_SECONDS:
                self.until = now + min(GATHER_SECONDS, COMPANY_SHARE * (self._answered_at - self._since))
            self._expected, self._answered = self._answered + held, 0
        return now < self.until and (under_way or held < self._expected)
