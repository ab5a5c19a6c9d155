"""What goes wrong between simulated nodes: partitions whole and partial, ways that are slow, loose or narrow.

Owns what each of these faults does, and for how long. Does not own when they come (faults.py) nor how frames travel
(network.py). Read next: argosy/testing/network.py.
"""

from argosy.testing.network import ASTRAY, LOST, TWICE
from argosy.testing.strike import Strike
from argosy.testing.ways import Slow

BLOCKED_SECONDS = (0.3, 5.0)
LOOSE_SECONDS = (0.5, 5.0)
LOSS_MAX = 0.2
STRAY_MAX = 0.3
SLOW_SECONDS = (0.5, 5.0)
SLOW_FACTOR = (5.0, 200.0)
NARROW_BYTES = (2_000, 5_000, 20_000, 100_000)  # a second

Pairs = list[tuple[str, str]]


def isolate(strike: Strike) -> str:
    """Two-way: some nodes from all others, clients on either side or none."""
    nodes = strike.node_names()
    alone = strike.chance.sample(nodes, strike.chance.randint(1, max(1, len(nodes) // 2)))
    apart = [
        name for name in strike.cluster.names() if name not in alone and (name in nodes or strike.chance.random() < 0.5)
    ]
    seconds = _block(strike, _both_ways([(one, other) for one in alone for other in apart]))
    return f"{' '.join(alone)} and {' '.join(apart)} are apart for {seconds:.2f} s"


def block_one_way(strike: Strike) -> str:
    """Some ways to or from one node."""
    source = strike.chance.choice(strike.node_names())
    ways: Pairs = []
    for name in strike.cluster.names():
        if name != source and strike.chance.random() < 0.6:
            ways.append((source, name) if strike.chance.random() < 0.5 else (name, source))
    if not ways:
        return ""
    seconds = _block(strike, ways)
    return f"{', '.join(f'{one} → {other}' for one, other in ways)} blocked for {seconds:.2f} s"


def part_two(strike: Strike) -> str:
    """Two nodes do not reach each other, or only one way, and both reach all others."""
    nodes = strike.node_names()
    if len(nodes) < 2:
        return ""
    one, other = strike.chance.sample(nodes, 2)
    ways = [(one, other)] if strike.chance.random() < 0.4 else [(one, other), (other, one)]
    return f"{one} {'→' if len(ways) == 1 else '↔'} {other} blocked for {_block(strike, ways):.2f} s"


def bridge(strike: Strike) -> str:
    """Two halves that reach each other only by way of one node, which reaches everybody."""
    nodes = strike.node_names()
    if len(nodes) < 3:
        return ""
    middle, *rest = strike.chance.sample(nodes, len(nodes))
    half = strike.chance.randint(1, len(rest) - 1)
    left, right = rest[:half], rest[half:]
    seconds = _block(strike, _both_ways([(one, other) for one in left for other in right]))
    return f"{' '.join(left)} and {' '.join(right)} meet only at {middle} for {seconds:.2f} s"


def cut_a_link(strike: Strike) -> str:
    """One link breaks; it may be made again at once."""
    links = strike.network.links()
    if not links:
        return ""
    link = strike.chance.choice(links)
    said = f"{strike.network.describe(link)} is cut"
    strike.network.hang_up(link, tell=True)
    return said


def lose_frames(strike: Strike) -> str:
    """Loose frames do not arrive."""
    return _loosen(strike, LOST, LOSS_MAX)


def double_frames(strike: Strike) -> str:
    """Loose frames arrive again later."""
    return _loosen(strike, TWICE, STRAY_MAX)


def disorder_frames(strike: Strike) -> str:
    """Loose frames arrive later than those after them."""
    return _loosen(strike, ASTRAY, STRAY_MAX)


def slow_way(strike: Strike) -> str:
    """The ways between two stations, or one of them, take many times as long."""
    factor = strike.chance.uniform(*SLOW_FACTOR)
    return _slow(strike, Slow(factor=factor), f"{factor:.0f} times as slow")


def narrow_way(strike: Strike) -> str:
    """So many bytes a second get through."""
    rate = strike.chance.choice(NARROW_BYTES)
    return _slow(strike, Slow(bytes_per_second=rate), f"{rate:,} bytes a second")


def _both_ways(pairs: Pairs) -> Pairs:
    return pairs + [(other, one) for one, other in pairs]


def _block(strike: Strike, ways: Pairs) -> float:
    """For how many seconds."""
    cut = strike.network.block(ways)
    return strike.after(BLOCKED_SECONDS, lambda: strike.network.open(cut))


def _loosen(strike: Strike, what: str, most: float) -> str:
    shares = strike.network.shares
    shares[what] = share = strike.chance.uniform(0.01, most)

    def stop() -> None:
        if shares.get(what) == share:
            del shares[what]

    return f"{share:.0%} of Raft and support frames {what} for {strike.after(LOOSE_SECONDS, stop):.2f} s"


def _slow(strike: Strike, slow: Slow, how: str) -> str:
    one = strike.chance.choice(strike.node_names())
    other = strike.chance.choice([name for name in strike.cluster.names() if name != one])
    ways = [(one, other), (other, one)][: strike.chance.choice((1, 2))]
    network = strike.network
    for way in ways:
        network.slow[way] = slow

    def stop() -> None:
        for way in ways:
            if network.slow.get(way) is slow:
                del network.slow[way]

    return f"{one} {'→' if len(ways) == 1 else '↔'} {other}, {how} for {strike.after(SLOW_SECONDS, stop):.2f} s"


FAULTS = {
    "isolate": (4, isolate),
    "block one way": (3, block_one_way),
    "part two": (3, part_two),
    "bridge": (3, bridge),
    "cut a link": (2, cut_a_link),
    "lose frames": (2, lose_frames),
    "double frames": (2, double_frames),
    "disorder frames": (2, disorder_frames),
    "slow way": (2, slow_way),
    "narrow way": (2, narrow_way),
}
