"""The codec: what is registered comes back exactly; anything else from outside is `Malformed` and cheap."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple, Protocol

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as some

from node import codec
from node.codec import decode, decode_plain, encode, encode_plain, message
from node.errors import Malformed

FIRST_TAG = 60_000  # of this file; none of the project's is so large


@message(FIRST_TAG)
@dataclass(frozen=True, slots=True)
class Leaf:
    number: int
    text: str


@message(FIRST_TAG + 1)
@dataclass(frozen=True, slots=True)
class Tree:
    sort: ClassVar[str] = "command"

    flag: bool
    maybe: bytes | None
    patience: float
    leaf: "Leaf | None"
    rows: tuple[tuple[bytes, bytes | None, bool], ...]
    pair: tuple[int, Leaf]
    later: "tuple[Later, ...]"


@message(FIRST_TAG + 2)
@dataclass(frozen=True, slots=True)
class Later:
    """Annotated above before it was there."""


@message(FIRST_TAG + 3)
@dataclass(frozen=True, slots=True)
class Wide:
    """More combinations of types than are listed."""

    a: int | str | bytes | None
    b: int | str | bytes | None
    c: int | str | bytes | None
    d: int | str | bytes | None
    e: Any


class Positive(Protocol):
    number: int


@message(FIRST_TAG + 4)
@dataclass(frozen=True, slots=True)
class Picky:
    number: int
    other: Positive | None

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("negative")


LEAF = Leaf(7, "äx")
TREE = Tree(True, None, 2, LEAF, ((b"k", None, True), (b"l", b"v", False)), (1, LEAF), (Later(), Later()))


@pytest.mark.parametrize(
    "value",
    [
        LEAF, TREE, Later(), Leaf(-(2**64), ""), Leaf(2**64 - 1, ""), Picky(1, LEAF),
        Wide(1, "a", b"", None, (1, True)), Tree(False, b"", 0.25, None, (), (0, LEAF), ()),
    ],
)  # fmt: skip
def test_a_message_comes_back(value: object) -> None:
    assert decode(encode(value)) == value
    assert decode(memoryview(encode(value))) == value


def row(cls: type, *values: object) -> bytes:
    """What a sender of another mind would write for a class."""
    return cbor2.dumps((tag_of(cls), *values))


def tag_of(cls: type) -> int:
    return next(tag for tag, name in codec.tags().items() if name == cls.__qualname__)


def nested(cls: type, *values: object) -> cbor2.CBORTag:
    return cbor2.CBORTag(codec.NESTED_TAG, (tag_of(cls), *values))


GOOD = (True, None, 2.5, None, (), (1, nested(Leaf, 1, "")), ())


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (0, 1), (0, None), (1, "text"), (1, 5), (2, "2"), (2, None), (3, nested(Later)), (3, (1, "")), (4, None),
        (4, [b"k"]), (4, [(b"k",)]), (4, [(b"k", b"v", 1)]), (4, [(b"k", b"v", True, True)]), (4, [(b"k", 1, True)]),
        (5, (1,)), (5, (1, nested(Later))), (5, (True, nested(Leaf, 1, ""))), (6, [nested(Leaf, 1, "")]), (6, [None]),
        (6, nested(Later)), (3, nested(Leaf, 1)), (3, nested(Leaf, 1, b"")), (0, cbor2.undefined),
    ],
)  # fmt: skip
def test_a_field_of_another_type_is_refused(place: int, wrong: object) -> None:
    assert isinstance(decode(row(Tree, *GOOD)), Tree)
    values = list(GOOD)
    values[place] = wrong
    with pytest.raises(Malformed):
        decode(row(Tree, *values))


def test_too_few_or_too_many_fields_are_refused() -> None:
    for values in ((1,), (1, "", 2), (1, "", None)):
        with pytest.raises(Malformed, match="Leaf"):
            decode(row(Leaf, *values))


def test_wide_unions_are_checked_field_by_field() -> None:
    with pytest.raises(Malformed):
        decode(row(Wide, 1, 2.5, 3, 4, 5))
    with pytest.raises(Malformed):
        decode(row(Wide, 1, 2, 3, 4))


def test_what_the_class_itself_refuses_is_malformed() -> None:
    with pytest.raises(Malformed, match="negative"):
        decode(row(Picky, -1, None))


@pytest.mark.parametrize("junk", [b"\x00", b"\xf6", b"\xff", encode(LEAF), b"\x00" * 20])
def test_bytes_behind_the_value_are_refused(junk: bytes) -> None:
    for body in (encode(LEAF), encode(TREE), encode_plain(5)):
        with pytest.raises(Malformed):
            decode_plain(body + junk)


def test_a_value_cut_short_is_refused() -> None:
    body = encode(TREE)
    for length in range(len(body)):
        with pytest.raises(Malformed):
            decode_plain(body[:length])


def heads(major: int) -> Iterator[bytes]:
    for number in [*range(1200), 43_000, 55_799, 2**32, 2**63]:
        if number < 24:
            yield bytes([major << 5 | number])
        else:
            size, code = next((size, code) for size, code in ((1, 24), (2, 25), (4, 26), (8, 27)) if number < 256**size)
            yield bytes([major << 5 | code]) + number.to_bytes(size, "big")


TAGGED = (b"\x01", b"\x80", b"\x82\x01\x02", b"\x61a", b"\x41\x02", b"\x8100", b"\xa0")


def test_every_tag_but_ours_is_refused() -> None:
    for head in heads(6):
        for body in TAGGED:
            with pytest.raises(Malformed):
                decode_plain(head + body)


def test_the_list_of_built_in_tags_is_complete() -> None:
    """A tag that cbor2 knows never reaches `tag_hook`: it must stand in the list, or it would be decoded."""
    seen: list[int] = []
    for tag in [*range(70_000)]:
        head = bytes([0xC0 | tag]) if tag < 24 else cbor2.dumps(cbor2.CBORTag(tag, 0))[:-1]
        try:
            cbor2.loads(head + b"\x00", tag_hook=lambda it, _: seen.append(it.tag))
        except cbor2.CBORDecodeError:
            pass
    assert set(range(70_000)) - set(seen) <= set(codec._BUILT_IN)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xa0", b"\xa1\x01\x02", b"\x81\xa1\x61a\x01", b"\x9f\x01\xff", b"\x5f\x41a\xff", b"\xbf\xff", b"\x1c",
        b"\x81" * (codec.DEPTH_MAX + 1) + b"\x00", b"\xd8\x1c\x80\xd8\x1d\x00", b"\x62\xff\xff",
        b"\x82" + b"\x81" * 11 + b"\x80\x81" + b"\x81" * 11 + b"\x80",
    ],
)  # fmt: skip
def test_maps_open_lengths_and_depth_are_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode_plain(body)


def test_depth_up_to_the_limit_is_taken() -> None:
    body = b"\x81" * (codec.DEPTH_MAX - 1) + b"\x80"
    assert encode_plain(decode_plain(body)) == body


@pytest.mark.parametrize("head", [b"\x9b", b"\x5b", b"\x7b", b"\xbb", b"\x9a", b"\x5a", b"\xba"])
@pytest.mark.parametrize("length", [b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\x00\x00\x00\x01\x00\x00\x00\x00"])
def test_a_promised_length_allocates_nothing(head: bytes, length: bytes) -> None:
    body = head + (length if head[0] & 31 == 27 else length[-5:-1])
    tracemalloc.start()
    with pytest.raises(Malformed):
        decode_plain(body + b"\x01" * 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("body", [encode_plain(()), encode_plain(5), encode_plain((b"x",)), encode_plain((True, 1))])
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode(body)


def test_an_unknown_class_tag_is_named() -> None:
    with pytest.raises(Malformed, match="class tag 59999 is unknown"):
        decode(encode_plain((59_999, 1)))
    with pytest.raises(Malformed, match="class tag 59999 is unknown"):
        decode_plain(cbor2.dumps(cbor2.CBORTag(codec.NESTED_TAG, (59_999,))))


def test_a_tag_is_taken_once() -> None:
    with pytest.raises(AssertionError, match=f"class tag {FIRST_TAG} is taken by Leaf"):
        message(FIRST_TAG)(Later)


def test_what_is_not_registered_is_not_encoded() -> None:
    with pytest.raises(TypeError, match="object is not a registered message"):
        encode_plain((object(),))


class Pair(NamedTuple):
    a: int


class Number(IntEnum):
    ONE = 1


@message(FIRST_TAG + 5)
@dataclass(frozen=True, slots=True)
class HoldsPair:
    pair: Pair


@message(FIRST_TAG + 6)
@dataclass(frozen=True, slots=True)
class HoldsNumber:
    number: Number


@message(FIRST_TAG + 7)
@dataclass(frozen=True, slots=True)
class HoldsTwoTuples:
    either: tuple[int, ...] | tuple[str, str]


@pytest.mark.parametrize("value", [HoldsPair(Pair(1)), HoldsNumber(Number.ONE), HoldsTwoTuples((1,))])
def test_a_class_that_could_not_come_back_is_a_mistake(value: object) -> None:
    with pytest.raises(AssertionError):
        decode(encode(value))


@given(some.binary(max_size=200))
def test_any_bytes_are_a_value_or_malformed(body: bytes) -> None:
    for read in (decode, decode_plain):
        try:
            read(body)
        except Malformed:
            pass


PLAIN = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**64), 2**64 - 1) | some.binary() | some.text(),
    lambda inner: some.lists(inner, max_size=4).map(tuple),
    max_leaves=12,
).filter(lambda value: depth(value) <= codec.DEPTH_MAX)


def depth(value: object) -> int:
    return 1 + max(map(depth, value), default=0) if isinstance(value, tuple) else 0


@given(PLAIN, some.data())
def test_plain_values_come_back_and_damage_is_noticed_or_harmless(value: object, chance: Any) -> None:
    body = encode_plain(value)
    assert decode_plain(body) == value
    place = chance.draw(some.integers(0, len(body) - 1))
    damaged = body[:place] + bytes([chance.draw(some.integers(0, 255))]) + body[place + 1 :]
    try:
        decode(damaged)
    except Malformed:
        pass
