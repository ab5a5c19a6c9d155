"""Containers that are made at the first look and go while they are empty."""

from typing import Any, ClassVar

import pytest

from node.lazily import Lazily


class Shelf(Lazily):
    __slots__ = ("books", "labels", "number")
    containers: ClassVar[dict[str, Any]] = {"books": list, "labels": dict}


def held(shelf: Shelf) -> list[str]:
    return [name for name in Shelf.containers if hasattr(type(shelf), name) and _is_set(shelf, name)]


def _is_set(shelf: Shelf, name: str) -> bool:
    try:
        object.__getattribute__(shelf, name)
    except AttributeError:
        return False
    return True


def test_a_container_is_made_at_the_first_look_and_stays_the_same():
    shelf = Shelf()
    assert held(shelf) == []
    shelf.books.append("one")
    assert shelf.books == ["one"]
    assert held(shelf) == ["books"]


def test_only_empty_ones_are_given_back():
    shelf = Shelf()
    shelf.books.append("one")
    assert shelf.labels == {}
    shelf.drop_empty()
    assert held(shelf) == ["books"]
    assert shelf.books == ["one"]
    shelf.books.clear()
    shelf.drop_empty()
    assert held(shelf) == []


def test_anything_else_that_is_not_there_is_an_error():
    with pytest.raises(AttributeError, match="Shelf has no attribute 'number'"):
        _ = Shelf().number
