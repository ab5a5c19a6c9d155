"""Messages to bytes and back: the only importer of cbor2.

Owns the table of class tags and every limit on what is decoded. Does not own frames (node/frame.py)
or what a message means. A message is a frozen slotted dataclass; its bytes are the CBOR array
`[tag, field, …]`, and each field must have exactly the type that the class annotates. A message inside
a message travels under one private CBOR tag; every other tag that CBOR knows is refused, as are maps,
indefinite lengths and depth (they multiply memory). Read next: node/codec_types.py, node/machine.py.
"""

import os
from collections.abc import Callable
from dataclasses import fields, make_dataclass
from operator import attrgetter
from typing import Any, TypeVar

import cbor2

from node.codec_types import checker
from node.errors import Malformed

NESTED_TAG = 40_961
DEPTH_MAX = 12
T = TypeVar("T")

_packers: dict[type, Callable[[Any], tuple[Any, ...]]] = {}
_makers: dict[int, Callable[[tuple[Any, ...]], Any]] = {}
_names: dict[int, str] = {}


def message(tag: int) -> Callable[[type[T]], type[T]]:
    """Give a frozen dataclass its class tag; a tag is never used for anything else again."""

    def register(cls: type[T]) -> type[T]:
        names = [each.name for each in fields(cls)]  # type: ignore[arg-type]
        _register(cls, tag, _packer(tag, names), _checked_at_first_use(cls, tag, names))
        return cls

    return register


def register_as(cls: type, tag: int, pack: Callable[[Any], tuple[Any, ...]], unpack: Callable[..., Any]) -> None:
    """Register a class with its own way into a tuple that begins with the tag, and out of the fields after it.

    `unpack` checks the types itself and raises TypeError, ValueError or `Malformed`.
    """

    def make(row: tuple[Any, ...]) -> Any:
        try:
            return unpack(*row[1:])
        except (TypeError, ValueError) as error:
            raise Malformed(f"class tag {tag} with wrong fields: {error}") from error

    _register(cls, tag, pack, make)


def _register(
    cls: type, tag: int, pack: Callable[[Any], tuple[Any, ...]], make: Callable[[tuple[Any, ...]], Any]
) -> None:
    assert tag not in _makers, f"class tag {tag} is taken by {_names[tag]}"
    _packers[cls] = pack
    _makers[tag] = make
    _names[tag] = cls.__qualname__


def _packer(tag: int, names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if not names:
        return lambda _: (tag,)
    if len(names) == 1:
        one = attrgetter(names[0])
        return lambda value: (tag, one(value))
    several = attrgetter(*names)
    return lambda value: (tag, *several(value))


def _checked_at_first_use(cls: type, tag: int, names: list[str]) -> Callable[[tuple[Any, ...]], Any]:
    """Annotations may name classes further down in their module: they are read when the first bytes come."""

    def make(row: tuple[Any, ...]) -> Any:
        _makers[tag] = made = _maker(cls, tag, names)
        return made(row)

    return make


def _maker(cls: type, tag: int, names: list[str]) -> Callable[[tuple[Any, ...]], Any]:
    check, build = checker(cls, names), _builder(cls, names)

    def make(row: tuple[Any, ...]) -> Any:
        if not check(row):
            found = ", ".join(type(each).__name__ for each in row[1:9])
            raise Malformed(f"class tag {tag} ({cls.__name__}) with wrong fields: ({found})")
        try:
            return build(*row[1:])
        except (TypeError, ValueError) as error:
            raise Malformed(f"class tag {tag} ({cls.__name__}) with wrong fields: {error}") from error

    return make


def _builder(cls: type, names: list[str]) -> Callable[..., Any]:
    """What makes an instance from fields: for a frozen class, its twin that is not frozen, which then becomes it.

    A frozen dataclass sets each field through a call of its own; the twin takes a third of the time. Where Python
    finds the two not alike enough it is the class. A class that checks its fields itself does so here too.
    """
    try:
        twin: Any = make_dataclass(cls.__name__, names, slots=True, bases=cls.__bases__)
        blank = twin(*[None] * len(names))
        blank.__class__ = cls
    except TypeError:
        return cls
    validate: Callable[[Any], None] | None = getattr(cls, "__post_init__", None)

    def build(*values: Any) -> Any:
        made = twin(*values)
        made.__class__ = cls
        return made

    def build_checked(*values: Any) -> Any:
        made = twin(*values)
        made.__class__ = cls
        validate(made)  # type: ignore[misc]
        return made

    return build if validate is None else build_checked


def tags() -> dict[int, str]:
    """The table of class tags, for the test that pins it."""
    return dict(_names)


def encode(value: object) -> bytes:
    """The bytes of a registered message."""
    return cbor2.dumps(_packers[type(value)](value), default=_nest)


def decode(body: bytes | memoryview) -> Any:
    """The message of these bytes. Raises `Malformed` for anything that `encode` cannot have made."""
    row = decode_plain(body)
    if type(row) is not tuple or not row:
        raise Malformed(f"{len(body)} bytes are not a message: expected an array that begins with a class tag")
    tag = row[0]
    make = _makers.get(tag) if type(tag) is int else None
    return _make(row) if make is None else make(row)


def encode_plain(value: object) -> bytes:
    """The bytes of tuples, integers, bytes, text, booleans, None and messages inside them."""
    return cbor2.dumps(value, default=_nest)


# cbor2 does not say where a value ended. So the bytes are read as the first of two elements, and the second, eight
# bytes that no sender knows, must follow directly: what stands behind the value can never be passed over in silence.
_SEAL = os.urandom(8)
_PAIR, _SEALED = b"\x82", b"\x48" + _SEAL
_DEPTH = DEPTH_MAX + 1  # the pair itself


def decode_plain(body: bytes | memoryview) -> Any:
    """What `encode_plain` encoded; arrays come back as tuples. Raises `Malformed`."""
    try:
        value, seal = cbor2.loads(
            b"".join((_PAIR, body, _SEALED)),
            tag_hook=_unnest,
            object_hook=_refuse_map,
            semantic_decoders=_REFUSED,
            max_depth=_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
            immutable=True,
        )
    except cbor2.CBORDecodeError as error:
        raise Malformed(f"{len(body)} bytes are not valid CBOR: {error.__cause__ or error}") from error
    if seal != _SEAL:
        raise Malformed(f"{len(body)} bytes hold more than one value")
    return value


def _make(row: tuple[Any, ...]) -> Any:
    make = _makers.get(row[0]) if type(row[0]) is int else None
    if make is None:
        raise Malformed(f"class tag {row[0]!r} is unknown: the sender runs a newer version, or these bytes are foreign")
    return make(row)


def _nest(encoder: Any, value: Any) -> None:
    pack = _packers.get(type(value))
    if pack is None:
        raise TypeError(f"{type(value).__name__} is not a registered message")
    encoder.encode(cbor2.CBORTag(NESTED_TAG, pack(value)))


def _unnest(tag: cbor2.CBORTag, _: bool) -> Any:
    if tag.tag != NESTED_TAG or type(tag.value) is not tuple or not tag.value:
        raise Malformed(f"CBOR tag {tag.tag} is not allowed here")
    return _make(tag.value)


def _refuse(*_: Any) -> Any:
    raise Malformed("a CBOR tag with a meaning of its own is not allowed here")


def _refuse_map(*_: Any) -> Any:
    raise Malformed("a map is not allowed here")


# Every tag with a built-in meaning: dates, big numbers, fractions, shared references, regular expressions, sets …
_BUILT_IN = (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43_000, 55_799)
_REFUSED = dict.fromkeys(_BUILT_IN, _refuse)
