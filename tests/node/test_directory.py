"""A node's directory: one process, one cluster, one version; its identity is whole at any moment."""

import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from node import directory as directory_module
from node.directory import StoredIdentity, open_directory
from node.errors import DirectoryError
from tests.node.refuse_sync import run, supported

IDENTITY = StoredIdentity(b"c" * 16, 3, 1, b"token", "127.0.0.1:4000", ((1, "127.0.0.1:4001"),))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "node"


def made(place: Path, identity: StoredIdentity = IDENTITY) -> None:
    directory = open_directory(place)
    directory.write_identity(identity)
    directory.close()


def test_a_fresh_directory_has_no_identity(place: Path) -> None:
    directory = open_directory(place)
    assert directory.identity is None
    assert place.stat().st_mode & 0o777 == 0o700
    directory.close()


def test_each_opening_is_a_new_life_and_durable_before_it_is_used(place: Path) -> None:
    made(place)
    for life in (2, 3):
        directory = open_directory(place)
        assert directory.identity == replace(IDENTITY, life=life)
        directory.close()
    assert {each.stat().st_mode & 0o777 for each in place.iterdir()} == {0o600}


def test_two_openings_in_one_process(place: Path) -> None:
    directory = open_directory(place)
    with pytest.raises(DirectoryError, match=f"in use by process {os.getpid()}"):
        open_directory(place)
    directory.close()
    open_directory(place).close()


def test_two_processes(place: Path) -> None:
    script = (
        "import sys; from node.directory import open_directory; open_directory(sys.argv[1]); print(1); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(DirectoryError, match=f"in use by process {child.pid}"):
            open_directory(place)
        child.kill()
        child.wait()
        open_directory(place).close()


def test_a_forked_child_does_not_hold_the_lock(place: Path) -> None:
    directory = open_directory(place)
    (wait, go), (hears, says) = os.pipe(), os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        child = os.fork()
    if child == 0:
        os.write(says, b"!")
        os.close(go)
        os.read(wait, 1)
        os._exit(0)
    os.read(hears, 1)
    directory.close()
    open_directory(place).close()
    for descriptor in (go, wait, hears, says):
        os.close(descriptor)
    os.waitpid(child, 0)


def test_another_cluster(place: Path) -> None:
    made(place)
    directory = open_directory(place)
    directory.expect_cluster(b"c" * 16)
    with pytest.raises(DirectoryError, match="belongs to cluster 6363"):
        directory.expect_cluster(b"d" * 16)
    with pytest.raises(DirectoryError, match="belongs to cluster 6363"):
        directory.write_identity(replace(IDENTITY, life=2, cluster=b"d" * 16))
    with pytest.raises(DirectoryError, match="belongs to node 3"):
        directory.write_identity(replace(IDENTITY, life=2, node=4))
    directory.close()


def test_a_node_that_joins_gets_its_cluster_and_number_later(place: Path) -> None:
    made(place, replace(IDENTITY, cluster=b"", node=0))
    directory = open_directory(place)
    directory.write_identity(replace(IDENTITY, life=2))
    directory.close()
    directory = open_directory(place)
    assert directory.identity == replace(IDENTITY, life=3)
    directory.close()


def test_a_newer_version(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(place, replace(IDENTITY, version=2))
    with pytest.raises(DirectoryError, match="format version 2; this version of Argosy knows 1"):
        open_directory(place)
    monkeypatch.setattr(directory_module, "FORMAT_VERSION", 2)
    open_directory(place).close()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda whole: whole[:-1], "torn"),
        (lambda whole: whole[:-1] + b"?", "torn"),
        (lambda whole: b"", "foreign"),
        (lambda whole: b"#!/bin/sh\n", "foreign"),
        (lambda whole: whole[:16] + b"\x4b\x9b\x7d\xe3" + b"?" * 4, "torn"),
        (lambda whole: whole[:16] + b"\0\0\0\0", "foreign"),
    ],
)
def test_a_torn_or_foreign_identity(place: Path, spoil: object, message: str) -> None:
    made(place)
    assert callable(spoil)
    (place / "identity").write_bytes(spoil((place / "identity").read_bytes()))
    with pytest.raises(DirectoryError, match=message):
        open_directory(place)
    with pytest.raises(DirectoryError, match=message):  # and the lock was given back
        open_directory(place)


def test_a_folder_that_is_not_a_node_s(place: Path) -> None:
    place.mkdir(parents=True)
    (place / "thesis.tex").write_text("years of work")
    with pytest.raises(DirectoryError, match=r"holds 'thesis.tex'"):
        open_directory(place)
    with pytest.raises(DirectoryError, match="cannot be opened"):
        open_directory(place / "thesis.tex")


def test_what_a_kill_left_aside_does_no_harm(place: Path) -> None:
    made(place)
    (place / "identity.new").write_bytes(b"half of an ident")
    directory = open_directory(place)
    assert directory.identity == replace(IDENTITY, life=2)
    directory.close()


def test_the_identity_is_written_aside_and_synced_before_it_is_renamed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = open_directory(place)
    done: list[str] = []
    sync, rename = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        done.append("sync " + os.readlink(f"/proc/self/fd/{descriptor}").removeprefix(str(place)))
        sync(descriptor)

    def replace_file(source: Path, target: Path) -> None:
        done.append(f"rename {source.name} {target.name}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace_file)
    directory.write_identity(IDENTITY)
    directory.close()
    assert done == ["sync /identity.new", "rename identity.new identity", "sync "]


@pytest.mark.skipif(not supported, reason="needs seccomp")
def test_a_disk_that_refuses_is_told(place: Path) -> None:
    refused, identity = run("identity", place)
    assert "Input/output error" in refused
    assert identity == "None"
