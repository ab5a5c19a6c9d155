"""A read that was served never changes, whatever the leader admits afterwards and whoever leads: R1 to R4, C_k, L2.

But for what the reader itself writes: it may stand at its own S, and reads nothing once it has sent its writes.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from ranges.keys import USER
from tests.txn.stage import Attempted, Stage, key_of
from txn import replies

ATTEMPTS, KEYS = ["T1", "T2", "T3", "T4"], ["b", "d", "n", "p"]
attempts, keys = st.sampled_from(ATTEMPTS), st.sampled_from(KEYS)
steps = st.one_of(
    st.tuples(st.just("read"), attempts, keys),
    st.tuples(
        st.just("scan"), attempts, st.sampled_from(["a-c", "a-f", "m-z"]), st.sampled_from(["forward", "reverse"])
    ),
    st.tuples(st.just("put"), keys),
    st.tuples(st.just("write"), attempts, keys),
    st.tuples(st.just("prewrite"), attempts, keys, keys),
    st.tuples(st.just("end"), attempts, st.sampled_from(["implicit", "abort"])),
    st.tuples(st.just("apply"), st.sampled_from(["1", "2"])),
    st.tuples(st.just("elect")),
)


class Watched(Stage):
    """A stage that writes down all that reads were told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[tuple[bytes, int], bytes | None] = {}
        self.scanned: dict[tuple[bytes, bytes, int], tuple[tuple[bytes, bytes], ...]] = {}
        self.count = 0
        self.changed: list[object] = []

    def learn(self, message: object, reply: object) -> None:
        super().learn(message, reply)
        if type(reply) is replies.Values:
            ((key, value),) = zip(message.keys, reply.values, strict=True)
            self._keep(self.told, (key, reply.at), value)
        elif type(reply) is replies.Rows:
            self._keep(self.scanned, (message.start, message.end, reply.at), tuple(sorted(reply.rows)))
            inside = [key_of(text) for text in KEYS if message.start <= key_of(text) < message.end]
            for key in inside:
                self._keep(self.told, (key, reply.at), dict(reply.rows).get(key))

    def _keep(self, kept: dict, place: tuple, found: object) -> None:
        if kept.setdefault(place, found) != found:
            self.changed.append((place, kept[place], found))


def carry_out(stage: Watched, step: tuple[str, ...]) -> None:
    stage.count += 1
    value = f"={stage.count}"
    match step:
        case (("read" | "scan"), name, *_) if stage.attempts[name].writes:
            pass
        case "put", key:
            list(stage.on_put(f"P{stage.count}", key + value))
        case "write", name, key:
            if not stage.attempts[name].writes:
                list(stage.on_write(name, key + value))
        case "prewrite", name, one, other:
            if not stage.attempts[name].writes:
                list(stage.on_prewrite(name, *sorted({one + value, other + value})))
        case "end", name, how:
            finish(stage, stage.attempts[name], how)
        case ("elect",):
            list(stage.on_apply())
            list(stage.on_elect())
        case verb, *words:
            list(getattr(stage, f"on_{verb}")(*words))


def finish(stage: Watched, attempt: Attempted, how: str) -> None:
    """Commit an attempt whose keys are all prewritten, or abort one; its intents are settled."""
    list(stage.on_apply())
    if attempt.writes and set(attempt.commits) == set(attempt.writes):
        list(stage.on_end(attempt.name, how))
        list(stage.on_end(attempt.name, "remove" if how == "abort" else "settle"))
        attempt.commits.clear()  # once


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, max_size=30))
def test_a_served_read_never_changes(script: list[tuple[str, ...]]) -> None:
    stage = Watched()
    list(stage.on_split("m"))
    for name in ATTEMPTS:
        list(stage.on_begin(name))
    for step in script:
        carry_out(stage, step)
    list(stage.on_apply())
    own = {(key, attempt.S) for attempt in stage.attempts.values() for key in attempt.writes}
    for key, at in [each for each in stage.told if each not in own]:
        list(stage.on_read(f"@{at >> 16}.{at & 0xFFFF}", key.removeprefix(USER).decode()))
    assert not stage.changed
