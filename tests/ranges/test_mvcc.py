"""The rows of a range against dicts of versions, intents, verdicts and bars."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ranges.keys import head
from ranges.messages import Intent
from ranges.mvcc import KeyRows, intent_commit, intent_from, intent_start
from tests.ranges.fakes import FakeView

KEYS = [b"\x10a", b"\x10a\0", b"\x10a\0b", b"\x10b"]
NAMES = [letter * 16 for letter in (b"1", b"2", b"3")]
keys, names = st.sampled_from(KEYS), st.sampled_from(NAMES)
times = st.integers(1, 12)
values = st.none() | st.binary(max_size=2)


class RowsMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.view = FakeView()
        self.rows = KeyRows(self.view)
        self.versions: dict[bytes, dict[int, tuple[bytes, bytes | None]]] = {key: {} for key in KEYS}
        self.intents: dict[bytes, tuple[Intent, bytes | None]] = {}
        self.verdicts: dict[tuple[bytes, bytes], tuple[int, int]] = {}
        self.bars: dict[tuple[bytes, bytes], int] = {}
        self.safe = 0

    # -- changes ---------------------------------------------------------------------------------------------------

    @rule(key=keys, at=times, name=names, value=values)
    def put_version(self, key: bytes, at: int, name: bytes, value: bytes | None) -> None:
        if at not in self.versions[key] and at > self.safe:
            self.rows.put_version(head(key), at, name, value)
            self.versions[key][at] = (name, value)

    @rule(key=keys, at=times, name=names, value=values, many=st.booleans(), inside=st.booleans())
    def put_intent(self, key: bytes, at: int, name: bytes, value: bytes | None, many: bool, inside: bool) -> None:
        if key not in self.intents:
            intent = Intent(key, name, at - 1, at + 1, at, KEYS[0], tuple(KEYS) if many else (), inside)
            self.rows.put_intent(intent, value)
            self.intents[key] = (intent, value)

    @rule(key=keys, name=names, at=st.just(0) | times)
    def settle(self, key: bytes, name: bytes, at: int) -> None:
        if at and (at in self.versions[key] or at <= self.safe):
            return
        stands = key in self.intents and self.intents[key][0].id == name
        assert self.rows.settle(key, name, at) == stands
        if stands:
            _, value = self.intents.pop(key)
            if at:
                self.versions[key][at] = (name, value)

    @rule(key=keys, name=names, start=times, at=st.just(0) | times)
    def put_verdict(self, key: bytes, name: bytes, start: int, at: int) -> None:
        if (key, name) not in self.verdicts:
            self.rows.put_verdict(key, name, start, at)
            self.verdicts[key, name] = (start, at)

    @rule(key=keys, name=names, start=times)
    def put_bar(self, key: bytes, name: bytes, start: int) -> None:
        self.rows.put_bar(key, name, start)
        self.bars.setdefault((key, name), start)

    @rule(key=keys, until=times, limit=st.integers(1, 3))
    def collect(self, key: bytes, until: int, limit: int) -> None:
        """In as many steps as it takes; in between nothing that `safe` keeps may be missing."""
        self.safe = max(self.safe, until)
        newest = max((at for at in self.versions[key] if at <= self.safe), default=0)
        done = False
        while not done:
            gone, done = self.rows.collect(head(key), self.safe, limit)
            assert gone <= limit + 1 and (done or gone)
            value = self.versions[key][newest][1] if newest else None
            assert self.rows.at(head(key), self.safe)[1] == value or key in self.intents
        for at in [at for at in self.versions[key] if at < newest or (at == newest and value is None)]:
            del self.versions[key][at]
        self.verdicts = {k: v for k, v in self.verdicts.items() if k[0] != key or v[0] > self.safe}
        self.bars = {k: start for k, start in self.bars.items() if k[0] != key or start > self.safe}

    # -- looks -----------------------------------------------------------------------------------------------------

    @rule(key=keys, at=times)
    def read(self, key: bytes, at: int) -> None:
        row, value = self.rows.at(head(key), at)
        if key in self.intents and self.intents[key][0].commit <= at:
            assert row is not None and intent_from(key, row) == self.intents[key][0]
            return
        newest = max((each for each in self.versions[key] if each <= at), default=0)
        assert row is None and value == (self.versions[key][newest][1] if newest else None)

    @rule(key=keys, name=names, least=times)
    def survey(self, key: bytes, name: bytes, least: int) -> None:
        walks = self.view.walks
        own, barred, row, newest = self.rows.survey(head(key), name, least)
        assert self.view.walks <= walks + 2, (
            "a write asks for all of a key in a look, and one walk where that is not all"
        )
        versions = self.versions[key]
        assert own == max((at for at in versions if at >= least and versions[at][0] == name), default=0)
        assert own == self.rows.version_by(key, name, least)
        assert newest == max(versions, default=0)
        assert barred == ((key, name) in self.bars)
        assert (row is None) == (key not in self.intents)
        assert self.rows.standing(head(key)) == (row, newest)

    @rule(key=keys, after=times, at=times, name=names)
    def changed(self, key: bytes, after: int, at: int, name: bytes) -> None:
        versions = self.versions[key]
        expected = any(after < each <= at and versions[each][0] != name for each in versions)
        assert self.rows.changed(key, after, at, name) == expected

    @rule(start=keys, end=keys, after=times, at=times, name=names)
    def changes(self, start: bytes, end: bytes, after: int, at: int, name: bytes) -> None:
        inside = [key for key in KEYS if start <= key < end]
        locks = [self.intents[key][0] for key in inside if key in self.intents]
        locks = [each for each in locks if each.id != name and each.commit <= at]
        intent, changed = self.rows.changes(start, end, after, at, name)
        assert intent == (locks[0] if locks else None)
        if intent is None:
            found = [key for key in inside if self.rows.changed(key, after, at, name)]
            assert changed == (found[0] if found else None)

    @invariant()
    def everything_else_agrees(self) -> None:
        for key in KEYS:
            standing = self.intents.get(key)
            assert self.rows.intent(key) == (standing[0] if standing else None)
            for name in NAMES:
                verdict = self.verdicts.get((key, name))
                assert self.rows.verdict(key, name) == (verdict[1] if verdict else None)
        assert self.rows.size == sum(len(h) + len(t) + len(row) for (h, t), row in self.view.values.items())
        heads = [each for each, _, _ in self.rows.heads(head(KEYS[0]), head(b"\x11"))]
        assert heads == sorted(self.view.tails)
        assert [each for each, _, _ in self.rows.heads(head(KEYS[0]), head(b"\x11"), reverse=True)] == heads[::-1]


RowsMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestRows = RowsMachine.TestCase


def test_an_intent_tells_its_timestamps_without_being_unpacked() -> None:
    rows = KeyRows(FakeView())
    rows.put_intent(Intent(KEYS[0], NAMES[0], 5, 6, 7, KEYS[0], (), True), b"value")
    row, _ = rows.standing(head(KEYS[0]))
    assert row is not None and (intent_start(row), intent_commit(row)) == (5, 7)


def test_heads_seek_anew_where_a_key_has_many_rows() -> None:
    view = FakeView()
    rows = KeyRows(view)
    for key in KEYS:
        for at in range(1, 40):
            rows.put_version(head(key), at, NAMES[0], b"")
    assert [each for each, _, _ in rows.heads(head(KEYS[1]), head(KEYS[3]))] == [head(KEYS[1]), head(KEYS[2])]


def test_a_size_never_falls_below_zero() -> None:
    rows = KeyRows(FakeView())
    rows.put_intent(Intent(KEYS[0], NAMES[0], 5, 6, 7, KEYS[0], (), True), b"value")
    rows.size = 10  # a split has counted half of another size
    rows.settle(KEYS[0], NAMES[0], 0)
    assert rows.size == 0


def test_a_deletion_goes_last_so_that_what_it_deletes_never_shows_again() -> None:
    rows = KeyRows(FakeView())
    for at, value in ((1, b"1"), (2, b"2"), (3, b"3"), (4, None)):
        rows.put_version(head(KEYS[0]), at, NAMES[0], value)
    assert rows.collect(head(KEYS[0]), 4, 2) == (2, False)
    assert rows.at(head(KEYS[0]), 4) == (None, None) and rows.standing(head(KEYS[0])) == (None, 4)
    assert rows.collect(head(KEYS[0]), 4, 2) == (2, True)
    assert rows.size == 0


def test_verdicts_and_bars_go_by_the_s_of_their_attempts() -> None:
    rows = KeyRows(FakeView())
    for start, name in ((4, NAMES[0]), (5, NAMES[1])):
        rows.put_verdict(KEYS[0], name, start, 9)
        rows.put_bar(KEYS[0], name, start)
    assert rows.collect(head(KEYS[0]), 4, 9) == (2, True)
    assert rows.verdict(KEYS[0], NAMES[0]) is None and rows.verdict(KEYS[0], NAMES[1]) == 9
    assert not rows.survey(head(KEYS[0]), NAMES[0], 1)[1] and rows.survey(head(KEYS[0]), NAMES[1], 1)[1]
