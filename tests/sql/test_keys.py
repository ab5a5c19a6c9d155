"""Bytes of keys sort as their values do; rows come back as they were stored."""

import datetime as dt
import struct
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranges.config import KEY_BYTES_MAX
from sql_lite_frontend.bound import Field
from sql_lite_frontend.keys import ROWS, encode_tuple, encode_value, index_prefix, past, table_key
from sql_lite_frontend.rows import Layout
from sql_lite_frontend.scans import scanned
from sql_lite_frontend.sources import shortened
from sql_lite_frontend.types import Type
from sql_lite_frontend.values import INTEGER_MAX, INTEGER_MIN

integers = st.integers(INTEGER_MIN, INTEGER_MAX)
reals = st.floats(allow_nan=False, allow_infinity=False)
numerics = st.decimals(min_value=-(10**20), max_value=10**20, places=4) | st.decimals(
    min_value=Decimal("-1e-9"), max_value=Decimal("1e-9"), allow_nan=False
)
texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text("\x00\x01\x02ab")
blobs = st.binary() | st.lists(st.sampled_from([0, 1, 2, 255])).map(bytes)
STRATEGIES = {
    Type.INTEGER: integers,
    Type.REAL: reals,
    Type.NUMERIC: numerics,
    Type.TEXT: texts,
    Type.BLOB: blobs,
    Type.BOOLEAN: st.booleans(),
    Type.DATE: st.dates(),
    Type.TIMESTAMP: st.datetimes(),
}


def order(value):
    """Text sorts by its bytes, which is the order of its code points."""
    return value.encode() if isinstance(value, str) else value


@pytest.mark.parametrize("kind", STRATEGIES)
def test_order_of_bytes_is_order_of_values(kind):
    values = st.none() | STRATEGIES[kind]

    @settings(deadline=None)
    @given(values, values)
    def check(left, right):
        one, other = encode_value(left), encode_value(right)
        if left is None or right is None:
            assert (one < other) == (left is None and right is not None)
        elif left == right:
            assert one == other
        else:
            assert (one < other) == (order(left) < order(right))

    check()


@given(st.lists(st.tuples(texts | blobs.map(lambda each: each.decode("latin-1")), integers), min_size=2, max_size=2))
def test_tuples_sort_by_their_first_difference(pair):
    one, other = (encode_tuple(each) for each in pair)
    left, right = ((text.encode(), number) for text, number in pair)
    assert (one < other) == (left < right)
    assert (one == other) == (left == right)


@given(texts, integers)
def test_what_begins_with_a_tuple_is_one_span(text, number):
    prefix = encode_tuple((text,))
    assert prefix < encode_tuple((text, number)) < past(prefix)
    assert not prefix < encode_tuple((text + "\x00", number)) < past(prefix)


@given(st.binary(max_size=1_200), st.binary(max_size=1_200))
def test_a_bound_that_is_too_long_is_moved_outwards(key, bound):
    key, bound = b"\x20" + key, b"\x20" + bound
    assert shortened(bound, upwards=False) <= bound <= shortened(bound, upwards=True)
    for upwards in (True, False):
        made = shortened(bound, upwards)
        assert len(made) + made.count(0) <= KEY_BYTES_MAX


def test_tables_do_not_touch():
    assert past(index_prefix(16, ROWS)) < index_prefix(17, ROWS)
    assert past(index_prefix(255, ROWS)) < index_prefix(256, ROWS)
    assert table_key("a") < index_prefix(1, 0)


@settings(deadline=None)
@given(st.data())
def test_rows_come_back(data):
    kinds = data.draw(st.lists(st.sampled_from(list(STRATEGIES)), min_size=1, max_size=20))
    row = tuple(data.draw(st.none() | STRATEGIES[kind]) for kind in kinds)
    fields = [Field(f"c{place}", kind, True, place=place) for place, kind in enumerate(kinds)]
    wanted = data.draw(st.lists(st.sampled_from(fields), unique=True))
    layout = Layout(kinds)
    (found,) = scanned(layout, wanted, None)([(b"", layout.encode(row))], ())
    assert found == tuple(row[each.place] for each in wanted)
    assert list(map(type, found)) == [type(row[each.place]) for each in wanted]


def test_a_row_of_another_format_is_not_read():
    layout = Layout([Type.INTEGER])
    stored = b"\x02" + layout.encode((1,))[1:]
    with pytest.raises(AssertionError, match="format 2"):
        scanned(layout, [Field("c", Type.INTEGER, True, place=0)], None)([(b"", stored)], ())


def test_the_forms_are_fixed():
    assert encode_tuple((None, False, True, 0, 1, -1, 256)) == bytes.fromhex("01 02 03 20 2101 1ffe 220100")
    assert encode_value("a\x00\x01") == b"\x48a\x01\x02\x01\x03\x01\x01"
    assert encode_value(Decimal("-1.50")) == b"\x40" + bytes(0xFF - each for each in b"\x80\x00\x03\x07\x01")
    assert encode_value(-0.0) == encode_value(0.0) == b"\x38" + struct.pack(">Q", 1 << 63)
    assert encode_value(dt.date(1970, 1, 2)) == encode_value(1)
    assert Layout([Type.INTEGER, Type.TEXT, Type.NUMERIC]).encode((1, None, Decimal("2.5"))) == (
        b"\x01\x02" + struct.pack("<qII", 1, 0, 3) + b"2.5"
    )
