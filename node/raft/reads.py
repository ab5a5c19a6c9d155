"""ReadIndex (thesis 6.4): read tokens, and the leadership rounds that answer them.

Owns the batching: at most one round is under way, and the tokens that come meanwhile share the next one.
An answer belongs to one round (traps 5). Does not send (node/raft/leader.py). Read next: node/raft/leases.py.
"""


class Reads:
    """The tokens of one leadership.

    1. A token is in exactly one of `waiting`, `begun`, `done`.
    2. A round is begun after each of its tokens came; its index is the commit index at that moment.
    """

    __slots__ = ("begun", "done", "index", "number", "waiting")

    def __init__(self) -> None:
        self.number = 0
        self.index = 0
        self.waiting: tuple[int, ...] = ()  # tuples: what is empty, as in each idle group, costs nothing
        self.begun: tuple[int, ...] = ()
        self.done: tuple[tuple[int, int], ...] = ()  # (token, index): confirmed, the index not yet applied

    def begin(self, commit: int) -> None:
        """All waiting tokens enter a new round."""
        assert not self.begun, "one round at a time"
        self.number += 1
        self.index = commit
        self.begun, self.waiting = self.waiting, ()

    def confirm(self) -> None:
        """A quorum has answered the round that is under way."""
        self.done += tuple((token, self.index) for token in self.begun)
        self.begun = ()

    def take(self, applied: int) -> list[tuple[int, int]]:
        """The confirmed tokens whose index is applied."""
        ready = [each for each in self.done if each[1] <= applied]
        if ready:
            self.done = tuple(each for each in self.done if each[1] > applied)
        return ready

    def tokens(self) -> list[int]:
        """All tokens that are not answered yet."""
        return [token for token, _ in self.done] + [*self.begun, *self.waiting]
