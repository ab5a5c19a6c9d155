"""The rows of a range: versions, intents, verdicts and bars, over the node's map of bytes.

Owns how they are written down, what a key says at a timestamp, and the range's size in bytes. A key's rows are met
in this order: the intent, then verdicts and bars, then the versions, newest first.
Does not own the order of checks (txn/commands.py) nor floors (ranges/floors.py). Read next: ranges/machine.py.
"""

from collections.abc import Iterator
from struct import Struct

from node.machine import View
from ranges.keys import (
    BAR_TAIL,
    INTENT_KIND,
    INTENT_TAIL,
    TIMESTAMP_MAX,
    VERDICT_TAIL,
    VERSION_KIND,
    VERSION_TAIL,
    after_head,
    head,
    unhead,
    version_commit,
    version_tail,
)
from ranges.messages import Intent

_intent = Struct(">16sQQQBHI")  # id, S, age, C_k, flags, length of the primary, number of keys
_length = Struct(">H")
_verdict = Struct(">QQ")  # S, C (0: aborted)
_bar = Struct(">Q")  # S
_COMMIT_AT = slice(32, 40)
_START_AT = slice(16, 24)
_DELETED = 1
_INSIDE = 2
_VALUE = b"\x00"
_GONE = b"\x01"
SKIP_ROWS = 8  # rows of one head to step over before a fresh seek is cheaper


def intent_commit(row: bytes) -> int:
    """C_k of an intent's row."""
    return int.from_bytes(row[_COMMIT_AT], "big")


def intent_start(row: bytes) -> int:
    """S of an intent's row."""
    return int.from_bytes(row[_START_AT], "big")


def intent_from(key: bytes, row: bytes) -> Intent:
    """An intent as it travels, without its value."""
    name, start, age, commit, flags, length, count = _intent.unpack_from(row)
    place = _intent.size + length
    primary = row[_intent.size : place]
    keys = []
    for _ in range(count):
        length = _length.unpack_from(row, place)[0]
        keys.append(row[place + 2 : place + 2 + length])
        place += 2 + length
    return Intent(key, name, start, age, commit, primary, tuple(keys), bool(flags & _INSIDE))


def _intent_row(intent: Intent, value: bytes | None) -> bytes:
    flags = (_DELETED if value is None else 0) | (_INSIDE if intent.inside else 0)
    parts = [
        _intent.pack(intent.id, intent.S, intent.age, intent.commit, flags, len(intent.primary), len(intent.keys)),
        intent.primary,
    ]
    for key in intent.keys:
        parts += (_length.pack(len(key)), key)
    parts.append(value or b"")
    return b"".join(parts)


def _intent_value(row: bytes) -> bytes | None:
    _, _, _, _, flags, length, count = _intent.unpack_from(row)
    if flags & _DELETED:
        return None
    place = _intent.size + length
    for _ in range(count):
        place += 2 + _length.unpack_from(row, place)[0]
    return row[place:]


class KeyRows:
    """The rows of one range.

    1. At most one intent stands on a key, and a key's versions differ in their timestamps.
    2. `size` is the bytes of all rows, tails and heads counted; the same on every replica.
    """

    __slots__ = ("size", "view")

    def __init__(self, view: View) -> None:
        self.view = view
        self.size = 0

    # -- looking at one key ----------------------------------------------------------------------------------------

    def standing(self, head: bytes) -> tuple[bytes | None, int]:
        """(the intent's row or None, the newest version's timestamp or 0)."""
        first = self.view.first(head)
        if first is None:
            return None, 0
        if first[0][0] == VERSION_KIND:
            return None, version_commit(first[0])
        intent = None
        for tail, row in self.view.rows(head):
            kind = tail[0]
            if kind == VERSION_KIND:
                return intent, version_commit(tail)
            if kind == INTENT_KIND:
                intent = row
        return intent, 0

    def survey(self, head: bytes, name: bytes, least: int) -> tuple[int, bool, bytes | None, int]:
        """All that a write asks of a key, in a look, or a walk where that is not all, for the attempt `name`.

        Returns (its own version's timestamp at or above `least` or 0, is it barred, the intent's row or None,
        the newest version's timestamp or 0). Once its own version is found the rest is not looked for.
        """
        first = self.view.first(head)
        if first is None:
            return 0, False, None, 0
        if first[0][0] == VERSION_KIND:
            commit = TIMESTAMP_MAX - int.from_bytes(first[0][1:], "big")  # in the open: every write passes here
            if commit < least:
                return 0, False, None, commit
        intent, barred, newest = None, False, 0
        for tail, row in self.view.rows(head):
            kind = tail[0]
            if kind == VERSION_KIND:
                commit = version_commit(tail)
                if not newest:
                    newest = commit
                if commit < least:
                    break
                if row[1:17] == name:
                    return commit, barred, intent, newest
            elif kind == INTENT_KIND:
                intent = row
            elif tail == BAR_TAIL + name:
                barred = True
        return 0, barred, intent, newest

    def intent(self, key: bytes) -> Intent | None:
        """The intent on the key, if one stands."""
        row = self.view.get(head(key), INTENT_TAIL)
        return None if row is None else intent_from(key, row)

    def version_by(self, key: bytes, name: bytes, least: int) -> int:
        """The timestamp of a version by this attempt at or above `least`, or 0."""
        for tail, row in self.view.rows(head(key), VERSION_TAIL):
            commit = version_commit(tail)
            if commit < least:
                break
            if row[1:17] == name:
                return commit
        return 0

    def changed(self, key: bytes, after: int, at: int, name: bytes = b"") -> bool:
        """Is there a version in (after, at], by any attempt but `name`?"""
        for tail, row in self.view.rows(head(key), version_tail(at)):
            if version_commit(tail) <= after:
                break
            if row[1:17] != name:
                return True
        return False

    def at(self, head: bytes, at: int) -> tuple[bytes | None, bytes | None]:
        """R3 and R4: (the row of an intent with C_k <= at, or None; else the value at `at`, None if there is none)."""
        seek = version_tail(at)
        for tail, row in self.view.rows(head):
            kind = tail[0]
            if kind == VERSION_KIND:
                if tail >= seek:
                    return None, (None if row[0] else row[17:])
                break
            if kind == INTENT_KIND and intent_commit(row) <= at:
                return row, None
        else:
            return None, None
        for _, row in self.view.rows(head, seek):
            return None, (None if row[0] else row[17:])
        return None, None

    # -- looking at a span -----------------------------------------------------------------------------------------

    def heads(self, first: bytes, last: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes, bytes]]:
        """(head, first tail, its row) of every head with first <= head < last; descending if `reverse`.

        A key with many rows costs a seek, so that old versions of one key never hold up a walk over many.
        """
        while first < last:
            seen, skipped = b"", 0
            for each, tail, row in self.view.scan(first, last, reverse):
                if each != seen:
                    seen, skipped = each, 0
                    yield each, tail, row
                    continue
                skipped += 1
                if skipped > SKIP_ROWS:
                    break
            else:
                return
            first, last = (first, seen) if reverse else (after_head(seen), last)

    def changes(self, start: bytes, end: bytes, after: int, at: int, name: bytes) -> tuple[Intent | None, bytes | None]:
        """What happened in the span [start, end) beside the attempt `name`.

        Returns (the first foreign intent with C_k <= at, the first key with a foreign version in (after, at]).
        """
        found = None
        unchanged = version_tail(after)
        for each, tail, row in self.heads(head(start), head(end)):
            if tail[0] == VERSION_KIND and tail >= unchanged:
                continue  # its newest version was there before
            key = unhead(each)
            if tail[0] == INTENT_KIND and row[:16] != name and intent_commit(row) <= at:
                return intent_from(key, row), found
            if found is None and self.changed(key, after, at, name):
                found = key
        return None, found

    def newest(self, first: bytes, last: bytes) -> int:
        """The largest timestamp in any row with first <= head < last; reads all of them."""
        found = 0
        for _, tail, row in self.view.scan(first, last):
            kind = tail[0]
            if kind == VERSION_KIND:
                found = max(found, version_commit(tail))
            elif kind == INTENT_KIND:
                found = max(found, intent_start(row), intent_commit(row))
            else:  # a verdict or a bar
                found = max(found, *(int.from_bytes(row[place : place + 8], "big") for place in range(0, len(row), 8)))
        return found

    # -- changing (only from inside apply) -------------------------------------------------------------------------

    def put_version(self, head: bytes, commit: int, name: bytes, value: bytes | None) -> None:
        """A version of the key at `commit`; None is a deletion."""
        row = _GONE + name if value is None else _VALUE + name + value
        self.view.put(head, version_tail(commit), row)
        self.size += len(head) + len(row) + 9

    def put_intent(self, intent: Intent, value: bytes | None) -> None:
        """The intent stands on its key from now on."""
        self._put(head(intent.key), INTENT_TAIL, _intent_row(intent, value))

    def settle(self, key: bytes, name: bytes, commit: int) -> bool:
        """The attempt's intent on the key becomes a version at `commit`, or goes if that is 0. Was it there?"""
        escaped = head(key)
        row = self.view.get(escaped, INTENT_TAIL)
        if row is None or row[:16] != name:
            return False
        self._delete(escaped, INTENT_TAIL, row)
        if commit:
            self.put_version(escaped, commit, name, _intent_value(row))
        return True

    def verdict(self, primary: bytes, name: bytes) -> int | None:
        """The attempt's verdict: C, 0 for aborted, None if there is none."""
        row = self.view.get(head(primary), VERDICT_TAIL + name)
        return None if row is None else int(_verdict.unpack(row)[1])

    def fate(self, primary: bytes, name: bytes, start: int) -> int | None:
        """What the primary says of the attempt that began at `start`: its verdict, else its version's C."""
        found = self.verdict(primary, name)
        return self.version_by(primary, name, start) or None if found is None else found

    def put_verdict(self, primary: bytes, name: bytes, start: int, commit: int) -> None:
        """The attempt's verdict, which is final."""
        self._put(head(primary), VERDICT_TAIL + name, _verdict.pack(start, commit))

    def put_bar(self, key: bytes, name: bytes, start: int) -> None:
        """The attempt may never write this key."""
        if self.view.get(head(key), BAR_TAIL + name) is None:
            self._put(head(key), BAR_TAIL + name, _bar.pack(start))

    def collect(self, escaped: bytes, safe: int, limit: int) -> tuple[int, bool]:
        """F5 for one key: remove what `safe` lets go, at most `limit` rows: (rows removed, is the key done?).

        Of the versions at or below `safe` the newest stays, unless it is a deletion and all older ones have gone.
        """
        go = [(tail, row) for tail, row in self._records(escaped) if int.from_bytes(row[:8], "big") <= safe][:limit]
        newest: list[tuple[bytes, bytes]] = []
        more = len(go) == limit
        if not more:
            for tail, row in self.view.rows(escaped, version_tail(safe)):
                if not newest:
                    newest.append((tail, row))
                elif len(go) < limit:
                    go.append((tail, row))
                else:
                    more = True
                    break
            if newest and newest[0][1][0] and not more:
                go += newest
        for tail, row in go:
            self._delete(escaped, tail, row)
        return len(go), not more

    def _records(self, escaped: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The verdicts and bars of a key."""
        for tail, row in self.view.rows(escaped, VERDICT_TAIL):
            if tail[0] == VERSION_KIND:
                return
            yield tail, row

    def _put(self, escaped: bytes, tail: bytes, row: bytes) -> None:
        self.view.put(escaped, tail, row)
        self.size += len(escaped) + len(tail) + len(row)

    def _delete(self, escaped: bytes, tail: bytes, row: bytes) -> None:
        self.view.delete(escaped, tail)
        # A split counts each side as half of the bytes, so the count may be too small for what goes.
        self.size = max(0, self.size - len(escaped) - len(tail) - len(row))
