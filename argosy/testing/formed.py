"""A simulated cluster that is ready for a user's program: all nodes are members, all ranges have their replicas.

Owns `Formed`: the client through which the program speaks, the passing of time, and the checks at the end.
Does not own what may be done to the cluster (commands.py) nor who lets time pass (plain.py, virtual.py).
Read next: argosy/testing/commands.py.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from argosy.testing.linear import Violation
from argosy.testing.simulation import Simulation
from node.flow import Flow, Sleep
from node.messages import Done, Refused
from ranges.keys import USER
from ranges.placement.config import REST_SECONDS
from ranges.placement.messages import ClusterStatus, SplitRange, StatusIs
from ranges.router import Router
from txn.database import Database as Core
from txn.errors import Unavailable

NODES_MAX = 20
CALL_SECONDS_MAX = 600.0  # simulated; every call has a deadline far below
ORDER_SECONDS = 10.0
SPLIT_SECONDS = 30.0
ASK_AGAIN_SECONDS = 0.1
SETTLE_SECONDS = 3.0  # after the block, with everything mended, before replicas are compared

T = TypeVar("T")


class Formed:
    """A cluster, its world, and one client station, from which all of the program's calls leave.

    1. Time passes only within `advance`.
    2. What the world raised is final: `leave` raises it again if the program has swallowed it.
    """

    def __init__(self, nodes: int, seed: int) -> None:
        if not isinstance(seed, int):
            raise TypeError(f"a seed is a whole number, not {seed!r}")
        if not isinstance(nodes, int) or not 1 <= nodes <= NODES_MAX:
            raise ValueError(f"a simulated cluster has 1 to {NODES_MAX} nodes, not {nodes!r}")
        self.seed = seed
        simulation = Simulation(seed, nodes=nodes, clients=1)
        self.world = simulation.world
        self.cluster = simulation.cluster
        (self.client,) = simulation.clients
        self.core = Core(self.client.client.router)
        self._advancing = False
        self._ended = False
        self._error: BaseException | None = None
        simulation.form()
        self.run(_spread(self.core.router, nodes))

    def require_open(self) -> None:
        """Raises RuntimeError where nothing can be done any more."""
        if self._ended:
            raise RuntimeError("the block of this simulated cluster has ended")
        if self._error is not None:
            raise RuntimeError(f"this simulated cluster has come to its end: {self._error!r}") from self._error

    def start(self, flow: Flow[Any], done: Callable[[Any, BaseException | None], None]) -> None:
        """Begin a call of the program's; `done(result, error)` follows when time passes."""
        self.require_open()
        self.client.client.start(flow, done)
        self.client.ask()

    def advance(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """Let time pass; False if `until` was wanted and did not come true. What goes wrong in the world is raised."""
        self.require_open()
        if self._advancing:
            raise RuntimeError("the plain form is for one thread: calls that overlap need `async with`")
        self._advancing = True
        try:
            return self.world.run(seconds, until)
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._advancing = False

    def run(self, flow: Flow[T]) -> T:
        """The flow's result, or its exception: time passes until it is there."""
        result: list[tuple[T, BaseException | None]] = []
        self.start(flow, lambda value, error: result.append((value, error)))
        if not self.advance(CALL_SECONDS_MAX, lambda: bool(result)):
            raise hung()
        value, error = result[0]
        if error is not None:
            raise error
        return value

    def leave(self) -> None:
        """The program has come to its end: mend everything, wait a little, and compare. Raises `Violation`."""
        if self._error is not None:
            raise self._error
        self.cluster.calm()
        self.advance(SETTLE_SECONDS)
        self.cluster.compare()

    def close(self) -> None:
        """Nothing can be done from now on."""
        self._ended = True


def hung() -> Violation:
    """What to raise where a call has no end."""
    return Violation(f"a call has not come to its end within {CALL_SECONDS_MAX:g} simulated seconds")


def split_at(router: Router, key: bytes) -> Flow[None]:
    """Split the range of a user's key at it, once what else changes there is done. Raises `Unavailable`."""
    end = router.now() + SPLIT_SECONDS
    why = "group 0 does not answer: is a majority running, and within reach of the client?"
    while router.now() < end:
        reply = yield from router.control(SplitRange(USER + key), ORDER_SECONDS)
        if type(reply) is Done:
            return
        why = reply.why if isinstance(reply, Refused) else why
        yield Sleep(ASK_AGAIN_SECONDS)
    raise Unavailable(f"no split at {key!r} within {SPLIT_SECONDS:g} simulated seconds: {why}")


def _spread(router: Router, nodes: int) -> Flow[None]:
    """Wait until every range has its replicas on as many nodes as there are, or as it wants, and is left alone."""
    spread = False
    while not spread:
        found = yield from router.control(ClusterStatus(), ORDER_SECONDS)
        if type(found) is StatusIs and found.healthy and not found.moving:
            spread = found.failures >= (min(nodes, found.rules.replicas) - 1) // 2
        yield Sleep(ASK_AGAIN_SECONDS)
    yield Sleep(REST_SECONDS + ASK_AGAIN_SECONDS)
