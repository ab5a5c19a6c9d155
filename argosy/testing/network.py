"""Links between simulated nodes and clients: frames in order, with latency; silence, cuts and partitions.

Owns link numbers, what is under way, and which ways are blocked. A blocked way holds its frames back: if it opens in
time they arrive late, else the link dies on both sides, as TCP would have it. Does not own how long a frame takes
(ways.py), time (the world's) nor who speaks.

Requests, replies and snapshots arrive at most once and in order, as long as their link stands. Raft and support
frames may be lost, and while `shares` says so they also arrive twice, or late and out of order, also after frames
that were sent later. The real link (TCP) does that only where one link takes another's place, but no rule of
node/support.py or node/raft/ stands on the order: stamps, stretches, lives, terms and rounds tell what is old. What
no rule allows for is a frame of a link that has gone, or of a node's former life after a newer one has greeted: a
newer link takes the older one's place, with all that was under way there. Read next: argosy/testing/world.py.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Protocol

from argosy.testing.ways import NEAR, Slow
from node.codec import decode_plain, encode_plain
from node.ports import Frame, Hello, Kind, LinkDown, LinkUp

SILENCE_SECONDS = (1.0, 6.0)  # how long a blocked link lives
LATE_SECONDS = 2.0  # how late a frame out of order comes, at most; most are much earlier
LOOSE = frozenset((Kind.RAFT, Kind.SUPPORT))
LOST, TWICE, ASTRAY = "lost", "twice", "astray"  # what may become of a loose frame


class World(Protocol):
    """Time, as the network sees it."""

    now: float

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Run something after so many seconds."""
        ...

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Run something when so many seconds have passed since the beginning."""
        ...


class Station(Protocol):
    """A node or a client, as the network sees it. `name` tells the stations of a world apart."""

    name: str
    node: int

    @property
    def up(self) -> bool:
        """Is it running?"""
        ...

    def hello(self) -> Hello:
        """What it says in a handshake."""
        ...

    def post(self, event: Any) -> None:
        """Something happened; it is stepped with it a little later."""
        ...


@dataclass(eq=False, slots=True)
class End:
    """One station's end of a link; `due` is when the last frame to this end arrives, `least` the way's latency."""

    link: int
    station: Station
    least: float
    other: "End" = field(repr=False, default=None)  # type: ignore[assignment]
    up: bool = True
    due: float = 0.0
    held: list[Frame] = field(default_factory=list)
    dying: bool = False


class Network:
    """All links of one world.

    1. A link number is never used twice; each end of a link has its own.
    2. What one end sends arrives at the other in order, but for loose frames while `shares` is not empty.
    3. Between two nodes stands one link: a newer one takes its place.
    """

    def __init__(self, chance: Random, world: World) -> None:
        self._chance = chance
        self._world = world
        self._after = world.after
        self._ends: dict[int, End] = {}
        self._links = 0
        self._stations: dict[str, Station] = {}  # by address
        self._least: dict[tuple[str, str], float] = {}  # (name, name) -> latency of this pair
        self._between: dict[tuple[str, str], End] = {}  # (source, target) -> end of the link between two nodes
        self._cuts: dict[int, frozenset[tuple[str, str]]] = {}
        self._cut_number = 0
        self.blocked: frozenset[tuple[str, str]] = frozenset()  # (source, target) names
        self.ways = NEAR
        self.shares: dict[str, float] = {}  # of loose frames that are lost, come twice, go astray
        self.strays: dict[str, int] = {}  # how many of them were
        self.slow: dict[tuple[str, str], Slow] = {}  # (source, target) names
        self.encode = False  # push every payload through its encoding
        self.frames = 0
        self.watch: Callable[[Station, Station, Frame], None] | None = None

    def settle_at(self, address: str, station: Station) -> None:
        """This station listens at this address."""
        self._stations[address] = station

    # -- links -----------------------------------------------------------------------------------------------------

    def dial(self, station: Station, node: int, address: str) -> None:
        """Connect a station to an address; LinkUp for both, or LinkDown(-1, node), follows."""
        target = self._stations.get(address)
        if target is None or not target.up:
            way = self._way(station.name, address)
            self._after(self.ways.seconds(way, self._chance), lambda: station.post(LinkDown(-1, node)))
        elif self._cut(station, target) or self._cut(target, station):
            self._after(self._chance.uniform(*SILENCE_SECONDS), lambda: station.post(LinkDown(-1, node)))
        else:
            way = self._way(station.name, target.name)
            self._after(2 * self.ways.seconds(way, self._chance), lambda: self._connect(station, target, node))

    def _connect(self, station: Station, target: Station, node: int) -> None:
        if not station.up:
            return
        ours, theirs = station.hello(), target.hello() if target.up else None
        if theirs is None or (node and theirs.node != node) or (ours.cluster and ours.cluster != theirs.cluster):
            station.post(LinkDown(-1, node))
            return
        way = self._way(station.name, target.name)
        near, far = self._end(station, way), self._end(target, way)
        near.other, far.other = far, near
        if station.node and target.node:
            self._take_place(near)
        far.station.post(LinkUp(far.link, ours))
        near.station.post(LinkUp(near.link, theirs))

    def _end(self, station: Station, least: float) -> End:
        self._links += 1
        end = End(self._links, station, least)
        self._ends[end.link] = end
        return end

    def _take_place(self, near: End) -> None:
        """A new link between two nodes: the one that stood there is gone, for both."""
        names = sorted((near.station.name, near.other.station.name))
        old = self._between.get((names[0], names[1]))
        if old is not None and old.link in self._ends:
            self._kill(old)
        self._between[names[0], names[1]] = near

    def _way(self, one: str, other: str) -> float:
        """The latency of a pair of stations."""
        pair = (one, other) if one < other else (other, one)
        if pair not in self._least:
            self._least[pair] = self._chance.uniform(*self.ways.least)
        return self._least[pair]

    def send(self, link: int, kind: int, payload: Any) -> None:
        """Send a frame from the end with this number; nothing happens if it is down."""
        end = self._ends.get(link)
        if end is None or not end.up:
            return
        other = end.other
        if self.encode:
            payload = decode_plain(encode_plain(payload))
        frame = Frame(other.link, kind, payload)
        self.frames += 1
        if self.watch is not None:
            self.watch(end.station, other.station, frame)
        if other.held or (self.blocked and self._cut(end.station, other.station)):
            other.held.append(frame)
            self._die_slowly(end)
        elif not (self.shares and kind in LOOSE and self._strays(other, frame)):
            self._deliver(other, frame)

    def links(self) -> list[int]:
        """The numbers of all ends that are up."""
        return [end.link for end in self._ends.values() if end.up]

    def describe(self, link: int) -> str:
        """Whose link this is."""
        end = self._ends[link]
        return f"{end.station.name} - {end.other.station.name}"

    def hang_up(self, link: int, tell: bool = False) -> None:
        """Close a station's end; the station itself is told only on demand."""
        end = self._ends.get(link)
        if end is not None and end.up:
            self._close(end)
            if tell:
                end.station.post(LinkDown(link))

    def crash(self, station: Station, silent: bool) -> None:
        """Every link of a station dies; if `silent`, as in a power cut, the others notice only after a while."""
        for end in [end for end in self._ends.values() if end.station is station]:
            if silent:
                end.up = False
                self._after(self._chance.uniform(*SILENCE_SECONDS), lambda end=end: self._kill(end))  # type: ignore[misc]
            else:
                self._close(end)

    def _close(self, end: End) -> None:
        """This end is gone at once; the other hears of it after all that was sent before."""
        end.up = False
        other = end.other
        if other.held or self._cut(end.station, other.station):
            self._die_slowly(end)
        else:
            self._at_end(other, lambda: self._kill(end))

    def _die_slowly(self, end: End) -> None:
        """Nothing gets through: unless the way opens first, the link dies."""
        if end.dying:
            return
        end.dying = True

        def look() -> None:
            end.dying = False
            if end.other.held or not end.up:
                self._kill(end)

        self._after(self._chance.uniform(*SILENCE_SECONDS), look)

    def _kill(self, end: End) -> None:
        for each in (end, end.other):
            self._ends.pop(each.link, None)
            each.held.clear()
            if each.up:
                each.up = False
                each.station.post(LinkDown(each.link))

    # -- delivery --------------------------------------------------------------------------------------------------

    def block(self, ways: Collection[tuple[str, str]]) -> int:
        """Nothing gets from source to target on these ways until `open` is called with what this returns."""
        self._cut_number += 1
        self._cuts[self._cut_number] = frozenset(ways)
        self.blocked |= self._cuts[self._cut_number]
        return self._cut_number

    def open(self, cut: int) -> None:
        """These ways are open again, as far as no other cut blocks them; what was held back there arrives."""
        self._cuts.pop(cut, None)
        self.blocked = frozenset(way for ways in self._cuts.values() for way in ways)
        for end in list(self._ends.values()):
            if end.held and not self._cut(end.other.station, end.station):
                held, end.held = end.held, []
                for frame in held:
                    self._deliver(end, frame)

    def heal(self) -> None:
        """All ways are open, quick and orderly."""
        self.shares.clear()
        self.slow.clear()
        for cut in list(self._cuts):
            self.open(cut)

    def _cut(self, source: Station, target: Station) -> bool:
        return (source.name, target.name) in self.blocked

    def _strays(self, end: End, frame: Frame) -> bool:
        """What becomes of a loose frame: whether it does not come in its turn."""
        shares, draw = self.shares, self._chance.random
        if draw() < shares.get(LOST, 0.0):
            self.strays[LOST] = self.strays.get(LOST, 0) + 1
            return True
        for name in (TWICE, ASTRAY):
            if draw() < shares.get(name, 0.0):
                self.strays[name] = self.strays.get(name, 0) + 1
                self._after(self._latency(end) + LATE_SECONDS * draw() ** 3, partial(_arrive, end, frame))
                return name == ASTRAY
        return False

    def _deliver(self, end: End, frame: Frame) -> None:
        now, seconds = self._world.now, self.ways.seconds(end.least, self._chance)
        if self.slow:
            slow = self.slow.get((end.other.station.name, end.station.name))
            if slow is not None:
                seconds = slow.seconds(now, seconds, frame.payload)
        due = now + seconds
        if due > end.due:
            end.due = due
        self._world.at(end.due, partial(_arrive, end, frame))

    def _at_end(self, end: End, act: Callable[[], None]) -> None:
        """After everything that was sent to this end before."""
        end.due = max(end.due, self._world.now + self._latency(end))
        self._world.at(end.due, act)

    def _latency(self, end: End) -> float:
        return self.ways.seconds(end.least, self._chance)


def _arrive(end: End, frame: Frame) -> None:
    if end.up:
        end.station.post(frame)
