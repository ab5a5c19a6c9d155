"""`argosy recover` on real directories: a node whose majority is gone begins again, whenever it is cut short.

A cluster of one is made to look like one of three: a configuration with two more voters, who never lived, is put at the
end of its logs.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import argosy
from argosy.cli import main
from node.codec import encode
from node.directory import Directory, open_directory
from node.errors import DirectoryError
from node.journal import Journal
from node.ports import GroupRecord, Record, Recovered
from node.raft.membership import encode_configuration
from node.raft.messages import Configuration, Entry, Kind, Member
from node.recovery import last_of
from ranges.admin import Split
from ranges.keys import USER
from ranges.machine import stamp

THREE = Configuration(2, 4, (Member(1, 1), Member(2, 2), Member(3, 3)))
ROWS = {b"%03d" % number: b"value %d" % number for number in range(100)}
TERM = 50


class Cut(Exception):
    """Somebody pulled the plug."""


@pytest.fixture(scope="module")
def stranded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node of three whose others are lost; the last of its rows are in its log only."""
    folder = tmp_path_factory.mktemp("stranded")
    with argosy.open(folder / "open") as db:
        for key, value in ROWS.items():
            db[key] = value
        shutil.copytree(folder / "open", folder / "data")  # as a power cut leaves it: the rows' commit is to come
    append(folder / "data", {0: [configuration()], 1: [configuration()]})
    return folder / "data"


@pytest.fixture
def data(stranded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stranded, tmp_path / "data"))


def configuration() -> Entry:
    return Entry(TERM, Kind.CONFIGURATION, encode_configuration(THREE))


def logs_of(data: Path) -> dict[int, Recovered]:
    journal = Journal(data / "journal", print)
    try:
        return journal.recover()
    finally:
        journal.close()


def append(data: Path, added: dict[int, Sequence[Entry]]) -> None:
    journal = Journal(data / "journal", lambda _: None)
    logs = journal.recover()
    records = [
        GroupRecord(group, (TERM, 0, logs[group].hard[2]), last_of(logs[group]).index + 1, entries)
        for group, entries in added.items()
    ]
    journal.submit(Record(1, records))
    journal.close()


def recover(*arguments: object, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["recover", *map(str, arguments)], input=typed)


def plan(data: Path, name: str = "plan.json") -> Path:
    file = data.parent / name
    done = recover("plan", "--data", data, "--lost", "2,3", "--output", file)
    assert done.exit_code == 0, done.output
    return file


def apply(data: Path, file: Path) -> Result:
    return recover("apply", "--data", data, "--yes-lose-writes", file)


def rows_of(data: Path) -> dict[bytes, bytes]:
    with argosy.open(data) as db:
        db[b"zzz"] = b"new"
        found = dict(db.scan())
    assert found.pop(b"zzz") == b"new"
    return found


def test_the_survivor_serves_everything_that_it_held(data: Path) -> None:
    before = open_directory(data)
    assert before.identity is not None
    old = before.identity.cluster
    before.close()
    file = plan(data)
    assert apply(data, file).exit_code == 0
    assert rows_of(data) == ROWS
    directory = open_directory(data)
    assert directory.identity is not None and directory.identity.cluster not in (b"", old)
    directory.close()
    assert rows_of(data) == ROWS  # and starts again


def test_a_plan_tells_and_changes_nothing(data: Path) -> None:
    before = {each.name: each.read_bytes() for each in data.rglob("data.mdb")}, logs_of(data)
    done = recover("plan", "--data", data, "--lost", "2,3", "--output", data.parent / "plan.json")
    assert "ACKNOWLEDGED WRITES AFTER THAT MAY BE LOST" in done.output
    assert "strictly serializable" in done.output and "Never start one of them again" in done.output
    assert "range 1 [" in done.output and "group 0" in done.output and f"of term {TERM}" in done.output
    assert ({each.name: each.read_bytes() for each in data.rglob("data.mdb")}, logs_of(data)) == before
    assert not (data / "recovering").exists()


def test_collected_files_stand_for_directories(data: Path) -> None:
    collected = data.parent / "node1.json"
    assert recover("collect", "--data", data, "--output", collected).exit_code == 0
    file = data.parent / "plan.json"
    assert recover("plan", "--collected", collected, "--lost", "2,3", "--output", file).exit_code == 0
    assert apply(data, file).exit_code == 0
    assert rows_of(data) == ROWS


def test_a_copy_of_what_was_changed_is_kept(data: Path) -> None:
    last = last_of(logs_of(data)[1])
    apply(data, plan(data))
    (kept,) = data.glob("recovered-*.json")
    found = json.loads(kept.read_text())
    assert found["node"] == 1 and found["groups"]["1"]["last"] == list(last)


def test_one_must_say_what_one_gives_up(data: Path) -> None:
    file, before = plan(data), logs_of(data)
    for typed in ("", "yes\n", "3\n"):
        assert recover("apply", "--data", data, file, typed=typed).exit_code == 1
    assert logs_of(data) == before
    assert recover("apply", "--data", data, file, typed="2\n").exit_code == 0


def test_done_twice_it_changes_nothing(data: Path) -> None:
    file = plan(data)
    apply(data, file)
    before = logs_of(data)
    done = apply(data, file)
    assert done.exit_code == 0 and "done before" in done.output
    assert logs_of(data) == before
    rows_of(data)
    assert apply(data, file).exit_code == 0
    assert rows_of(data) == ROWS


def test_a_split_that_was_never_applied_is_made(data: Path) -> None:
    split = stamp(1) + encode(Split(USER + b"050", 2))
    alone = Configuration(3, 4, (Member(1, 1), Member(3, 3)))
    entries = [Entry(TERM, Kind.COMMAND, split), Entry(TERM, Kind.CONFIGURATION, encode_configuration(alone))]
    append(data, {1: entries})
    file = plan(data)
    said = json.loads(file.read_text())["says"]
    assert any(line.startswith("range 2 [050") for line in said)
    assert apply(data, file).exit_code == 0
    assert rows_of(data) == ROWS
    assert rows_of(data) == ROWS


# -- cut short -----------------------------------------------------------------------------------------------------


def pull(*_: Any, **__: Any) -> Any:
    raise Cut


STEPS: dict[str, tuple[type, str, bool]] = {
    "before anything": (Directory, "begin_recovery", False),
    "before the logs": (Directory, "begin_recovery", True),
    "within the logs": (Journal, "submit", False),
    "before the identity": (Directory, "enter_cluster", False),
    "after the identity": (Directory, "enter_cluster", True),
    "before the end": (Directory, "end_recovery", False),
}


def cut(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, after: bool) -> None:
    whole: Callable[..., Any] = getattr(owner, name)

    def then_pull(*arguments: Any) -> None:
        whole(*arguments)
        raise Cut

    monkeypatch.setattr(owner, name, then_pull if after else pull)


@pytest.mark.parametrize("step", STEPS)
def test_cut_short_anywhere_it_goes_on(data: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    file, before = plan(data), logs_of(data)
    with monkeypatch.context() as within:
        cut(within, *STEPS[step])
        assert isinstance(apply(data, file).exception, Cut)
    if step == "before anything":
        assert logs_of(data) == before
        open_directory(data).close()
        return
    for _ in range(2):
        with pytest.raises(DirectoryError, match=r"cut short.*again"):
            open_directory(data)
    with pytest.raises(DirectoryError, match="cut short"), argosy.open(data):
        pass
    assert "cut short" in recover("collect", "--data", data, "--output", data.parent / "again.json").output
    done = apply(data, file)
    assert done.exit_code == 0, done.output
    assert rows_of(data) == ROWS


def test_another_plan_does_not_go_on_with_the_first(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = plan(data), plan(data, "second.json")
    with monkeypatch.context() as within:
        cut(within, Directory, "enter_cluster", after=False)
        apply(data, first)
    assert "another plan was begun" in apply(data, second).output
    assert apply(data, first).exit_code == 0


# -- refused -------------------------------------------------------------------------------------------------------


def test_a_directory_that_has_changed_since_is_refused(data: Path) -> None:
    file = plan(data)
    open_directory(data).close()  # a life more
    assert "has changed since" in apply(data, file).output
    assert not (data / "recovering").exists()


def test_a_log_that_has_changed_since_is_refused(data: Path) -> None:
    file = plan(data)
    append(data, {1: [Entry(TERM, Kind.COMMAND, b"")]})
    assert "has changed since" in apply(data, file).output


def test_a_node_that_runs_is_refused(data: Path) -> None:
    file = plan(data)
    directory = open_directory(data)
    for done in (
        recover("collect", "--data", data, "--output", data.parent / "x.json"),
        recover("plan", "--data", data, "--lost", "2,3", "--output", data.parent / "y.json"),
        apply(data, file),
    ):
        assert done.exit_code == 1 and "in use by process" in done.output
    directory.close()


def test_what_is_no_nodes_directory_is_left_alone(data: Path, tmp_path: Path) -> None:
    file, empty = plan(data), tmp_path / "empty"
    empty.mkdir()
    assert "not a node's directory" in apply(empty, file).output
    assert list(empty.iterdir()) == []


def test_the_plan_of_another_cluster_is_refused(data: Path, tmp_path: Path) -> None:
    file = plan(data)
    with argosy.open(tmp_path / "other") as db:
        db[b"a"] = b"b"
    done = apply(tmp_path / "other", file)
    assert done.exit_code == 1 and "belongs to cluster" in done.output
    with argosy.open(tmp_path / "other") as db:
        assert db[b"a"] == b"b"


def test_files_that_are_something_else(data: Path) -> None:
    file, other = plan(data), data.parent / "node1.json"
    recover("collect", "--data", data, "--output", other)
    assert "argosy recover collect" in apply(data, other).output
    file.write_text(file.read_text()[:-100])
    assert "cannot be read" in apply(data, file).output
    assert "exists already" in recover("collect", "--data", data, "--output", other).output


def test_a_majority_that_lives_needs_no_plan(tmp_path: Path) -> None:
    with argosy.open(tmp_path / "data") as db:
        db[b"a"] = b"b"
    done = recover("plan", "--data", tmp_path / "data", "--lost", "7", "--output", tmp_path / "plan.json")
    assert done.exit_code == 1 and "no survivor knows nodes 7" in done.output
