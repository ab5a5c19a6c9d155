"""Random transactions over the world, what their callers saw, and whether one serial order explains it.

A writer's value is its own name, so that what a reader saw names the writer. The order is by C (readers at their S),
the state is what the ranges hold when all is settled. Read next: tests/txn/test_schedules.py.
"""

from dataclasses import dataclass, field
from typing import Any

from node.flow import Flow, Sleep
from ranges.keys import VERSION_KIND, unhead, version_commit
from ranges.router import Router
from tests.txn.world import Faults, Person, Rows, World
from txn.committing import Names
from txn.database import Database
from txn.errors import Aborted, OutcomeUnknown, Unavailable

KEYS = tuple(name.encode() for name in "abcdef")
FOREVER = float("inf")


@dataclass(eq=False)
class Operation:
    """What one caller does, and what he was told. `seen` is key -> the name of the writer, or "-"."""

    name: str
    reads: tuple[bytes, ...] = ()
    spans: tuple[tuple[bytes, bytes], ...] = ()
    writes: tuple[bytes, ...] = ()
    deletes: bool = False
    shot: bool = False
    begin: float = 0.0
    end: float = FOREVER
    read_end: float | None = None
    told: str = "nothing"
    S: int = 0
    C: int = 0
    seen: dict[bytes, str] = field(default_factory=dict)
    moved: bool = False
    prefix: bytes = b""

    def see(self, key: bytes, value: bytes | None) -> None:
        name = "-" if value is None else value.decode()
        self.moved |= self.seen.setdefault(key, name) != name

    def flow(self, world: World, database: Database) -> Flow[None]:
        """Do it, and write down what was told."""
        self.begin = world.now
        try:
            yield from self.shoot(world, database) if self.shot else self.transact(world, database)
            self.told = "committed"
        except Aborted:
            self.told = "aborted"
        except OutcomeUnknown:
            self.told = "unknown"
        except Unavailable:
            self.told = "unavailable"
        self.end = world.now

    def shoot(self, world: World, database: Database) -> Flow[None]:
        if self.reads:
            value = yield from database.get(self.reads[0])
            self.S = database.router.told
            self.see(self.reads[0], value)
            self.read_end = world.now
        elif self.deletes:
            self.C = yield from database.delete(self.writes[0])
        else:
            self.C = yield from database.put(self.writes[0], self.name.encode())

    def transact(self, world: World, database: Database) -> Flow[None]:
        transaction = database.begin()
        for _ in range(2):
            for key in self.reads:
                self.see(key, (yield from transaction.get(key)))
            for start, end in self.spans:
                rows = dict((yield from transaction.scan(start, end)))
                for key in KEYS:
                    if start <= key < end:
                        self.see(key, rows.get(key))
            self.S = transaction.S
            if world.rng.random() < 0.5:
                break
        self.read_end = world.now
        for key in self.writes:
            if self.deletes:
                transaction.delete(key)
            else:
                transaction.put(key, self.name.encode())
        self.C = yield from transaction.commit()


def random_operation(world: World, name: str, focus: str = "") -> Operation:
    """Skews, read-modify-writes, phantoms, blind writes, snapshots, one-shots; of few sorts if there is a focus."""
    rng = world.rng
    sort = rng.randrange(10)
    if focus == "shots" and rng.random() < 0.85:
        sort = 9
    elif focus == "ends":
        sort = rng.choice((1, 5, 5, 6, 8, 8))
    elif focus == "splits":
        sort = rng.choice((1, 3, 5, 5, 9))

    def some(least: int, most: int) -> tuple[bytes, ...]:
        return tuple(sorted(rng.sample(KEYS[:4], rng.randint(least, most))))

    deletes = rng.random() < 0.15
    match sort:
        case 0:
            keys = some(1, 1)
            return Operation(name, reads=keys, writes=keys, deletes=deletes)
        case 1 | 2:
            read, write = rng.sample(KEYS[:4], 2)
            return Operation(name, reads=(read,), writes=(write,), deletes=deletes)
        case 3:
            keys = some(2, 3)
            return Operation(name, reads=keys, writes=(rng.choice(keys),), deletes=deletes)
        case 4:
            return Operation(name, reads=some(1, 2), spans=((b"a", b"e"),))
        case 5:
            return Operation(name, writes=some(1, 4), deletes=deletes)
        case 6:
            keys = some(2, 3)
            return Operation(name, reads=keys, writes=keys)
        case 7:
            return Operation(name, spans=((b"a", b"c"),), writes=some(1, 2), deletes=deletes)
        case 8:
            read = rng.choice(KEYS[:4])
            return Operation(name, reads=(read,), writes=tuple(key for key in KEYS[:4] if key != read))
        case _:
            keys = some(1, 1)
            if rng.random() < 0.4:
                return Operation(name, reads=keys, shot=True)
            return Operation(name, writes=keys, deletes=deletes, shot=True)


def random_faults(world: World, focus: str = "") -> Faults:
    """Swarm testing: every schedule has rates of its own."""
    pick = world.rng.choice
    return Faults(
        lost=pick((0.1, 0.2) if focus else (0.0, 0.02, 0.1, 0.2)),
        late=pick((0.1, 0.3) if focus else (0.0, 0.02, 0.1, 0.2)),
        elections=pick((0.0, 0.5, 2.0, 8.0)),
        crashes=pick((1.0, 8.0) if focus == "ends" else (0.0, 0.2, 1.0)),
        splits=pick((2.0, 8.0) if focus == "splits" else (0.0, 0.5, 2.0)),
        collections=pick((0.0, 0.0, 0.5, 2.0)),
        slow=pick((0.001, 0.01, 0.05)),
    )


LAYOUTS = ((), (b"\x10c",), (b"\x10b", b"\x10d"), (b"\x10b", b"\x10c", b"\x10d"))


def schedule(seed: int, focus: str = "", operations: int = 8) -> tuple[World, list[Operation]]:
    """Run one schedule to its end: faults, then calm, until every operation has ended and every intent is settled."""
    world = World(seed)
    patience = world.rng.choice((0.02, 0.3, 3.0))
    world = World(seed, world.rng.choice(LAYOUTS), patience=patience)
    world.faults = random_faults(world, focus)
    world.plan_faults()
    people = [world.person() for _ in range(3)]
    done = [random_operation(world, f"T{number}", focus) for number in range(operations)]
    spread = world.rng.choice((0.05, 0.5, 3.0))
    for each in done:
        start(world, world.rng.choice(people), each, world.rng.uniform(0.0, spread))
    if world.rng.random() < 0.3:
        victim = world.rng.choice(people)
        world.after(world.rng.uniform(0.0, spread), lambda: setattr(victim, "dead", True))
    world.run(world.rng.choice((2.0, 6.0)))
    world.calm_down()
    world.run(40.0)
    reader = world.person()
    world.wait(Database(reader.client.router).scan(), reader)
    world.run(30.0)
    return world, done


def start(world: World, person: Person, operation: Operation, after: float) -> None:
    shared = person.client.router
    router = Router(shared.directory, shared.chance, shared.now)  # its own, so that `told` is what this caller was told
    database = Database(router, seconds=4.0)
    names = Names(world.rng.random)
    database._names = database._committing._names = names
    operation.prefix = names.next()[:10]

    def run() -> Flow[None]:
        yield Sleep(after)
        yield from operation.flow(world, database)

    person.client.start(run())


# -- the checker -----------------------------------------------------------------------------------------------------


def versions(view: Rows) -> list[tuple[bytes, int, bytes, bool]]:
    """(key, C, attempt, deleted) of every version, in no order that means anything."""
    rows = []
    for (head, tail), row in view.ever.items():
        if tail[0] == VERSION_KIND:
            rows.append((unhead(head)[1:], version_commit(tail), row[1:17], bool(row[0])))
    return rows


def violations(world: World, operations: list[Operation]) -> list[str]:
    """What is wrong with a history; empty if nothing is."""
    bad: list[str] = []
    rows = versions(world.view)
    included: list[tuple[int, int, float, float, Operation]] = []
    if any(tail == b"\x01" for _, tail in world.view.values):
        bad.append("an intent was never settled")
    for each in operations:
        mine = [(key, commit) for key, commit, attempt, _ in rows if attempt[:10] == each.prefix]
        keys, commits = {key for key, _ in mine}, {commit for _, commit in mine}
        if keys and keys != set(each.writes):
            bad.append(f"{each.name} is visible in part: {keys} of {each.writes}")
        if len(commits) > 1:
            bad.append(f"{each.name} has several C: {commits}")
        if each.told in ("aborted", "unavailable") and keys:
            bad.append(f"{each.name} was told {each.told} and is visible")
        if each.told == "committed" and each.writes and commits != {each.C}:
            bad.append(f"{each.name} was told C={each.C} and stands at {commits}")
        if each.moved:
            bad.append(f"{each.name} read a snapshot that moved")
        if keys:
            end = each.end if each.told == "committed" else FOREVER
            included.append((max(commits), 1, each.begin, end, each))
        elif each.read_end is not None and each.seen:
            included.append((each.S, 0, each.begin, each.read_end, each))
    return bad or order(included, rows)


def order(included: list[tuple[int, int, float, float, Operation]], rows: list[Any]) -> list[str]:
    """Is the order by C a serial order that real time, all reads and the last state agree with?"""
    included.sort(key=lambda row: row[:2])
    state: dict[bytes, str] = {}
    for place, (_, kind, begin, _, each) in enumerate(included):
        for _, _, _, end, later in included[place + 1 :]:
            if end < begin:
                return [f"{later.name} ended before {each.name} began, and comes after it"]
        for key, name in each.seen.items():
            if state.get(key, "-") != name:
                return [f"{each.name} saw {key!r}={name}, and {state.get(key, '-')} was there"]
        if kind:
            state.update(dict.fromkeys(each.writes, "-" if each.deletes else each.name))
    newest = {key: (commit, attempt, gone) for key, commit, attempt, gone in sorted(rows)}
    names = {each.prefix: each.name for *_, each in included}
    for key, (_, attempt, gone) in newest.items():
        if state.get(key, "-") != ("-" if gone else names[attempt[:10]]):
            return [f"{key!r} holds what {names[attempt[:10]]} wrote, and not {state.get(key)}"]
    return []
