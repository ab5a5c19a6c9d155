"""Links between simulated nodes and clients: frames in order, with latency; silence, cuts and partitions.

Owns link numbers, what is under way, and which ways are blocked. A frame is delivered once or not at all; only
Raft and support frames are ever lost on a link that stands. A blocked way holds its frames back: if it opens in
time they arrive late, else the link dies on both sides, as TCP would have it. Does not own time (the world's
`after`) nor who speaks. Read next: argosy/testing/world.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from node.codec import decode_plain, encode_plain
from node.ports import Frame, Hello, Kind, LinkDown, LinkUp

LATENCY_SECONDS = 0.0003  # half of the least; then by chance up to five times as much
HICCUP_SHARE = 0.002  # of the frames are delayed by up to HICCUP_SECONDS, and hold up all behind them
HICCUP_SECONDS = 0.08
SILENCE_SECONDS = (1.0, 6.0)  # how long a blocked link lives
LOSSY = frozenset((Kind.RAFT, Kind.SUPPORT))


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
    """One station's end of a link; `due` is when the last frame to this end arrives."""

    link: int
    station: Station
    other: "End" = field(repr=False, default=None)  # type: ignore[assignment]
    up: bool = True
    due: float = 0.0
    held: list[Frame] = field(default_factory=list)
    dying: bool = False


class Network:
    """All links of one world.

    1. A link number is never used twice; each end of a link has its own.
    2. What one end sends arrives at the other in order.
    """

    def __init__(self, chance: Random, after: Callable[[float, Callable[[], None]], None], now: Callable[[], float]):
        self._chance = chance
        self._after = after
        self._now = now
        self._ends: dict[int, End] = {}
        self._links = 0
        self._stations: dict[str, Station] = {}  # by address
        self.blocked: set[tuple[str, str]] = set()  # (source, target) names
        self.loss = 0.0  # share of Raft and support frames that are lost
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
            self._after(self._latency(), lambda: station.post(LinkDown(-1, node)))
        elif self._cut(station, target) or self._cut(target, station):
            self._after(self._chance.uniform(*SILENCE_SECONDS), lambda: station.post(LinkDown(-1, node)))
        else:
            self._after(2 * self._latency(), lambda: self._connect(station, target, node))

    def _connect(self, station: Station, target: Station, node: int) -> None:
        if not station.up:
            return
        ours, theirs = station.hello(), target.hello() if target.up else None
        if theirs is None or (node and theirs.node != node) or (ours.cluster and ours.cluster != theirs.cluster):
            station.post(LinkDown(-1, node))
            return
        near, far = self._end(station), self._end(target)
        near.other, far.other = far, near
        far.station.post(LinkUp(far.link, ours))
        near.station.post(LinkUp(near.link, theirs))

    def _end(self, station: Station) -> End:
        self._links += 1
        end = End(self._links, station)
        self._ends[end.link] = end
        return end

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
        if kind in LOSSY and self.loss and self._chance.random() < self.loss:
            return
        if self._cut(end.station, other.station) or other.held:
            other.held.append(frame)
            self._die_slowly(end)
        else:
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

    def block(self, source: str, target: str) -> None:
        """Nothing gets from source to target until `heal`."""
        self.blocked.add((source, target))

    def heal(self) -> None:
        """All ways are open: what was held back arrives."""
        self.blocked.clear()
        for end in list(self._ends.values()):
            held, end.held = end.held, []
            for frame in held:
                self._deliver(end, frame)

    def _cut(self, source: Station, target: Station) -> bool:
        return bool(self.blocked) and (source.name, target.name) in self.blocked

    def _deliver(self, end: End, frame: Frame) -> None:
        def arrive() -> None:
            if end.up:
                end.station.post(frame)

        self._at_end(end, arrive)

    def _at_end(self, end: End, act: Callable[[], None]) -> None:
        """After everything that was sent to this end before."""
        now = self._now()
        end.due = max(end.due, now + self._latency())
        self._after(end.due - now, act)

    def _latency(self) -> float:
        chance = self._chance.random
        latency = LATENCY_SECONDS * (1 + 4 * chance())
        return latency + HICCUP_SECONDS * chance() if chance() < HICCUP_SHARE else latency
