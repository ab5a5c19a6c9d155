"""The command line: help, wrong usage, and what a person sees when nobody answers."""

import json
import sys

import pytest
from click.testing import CliRunner

import argosy
from argosy.cli import main, shown
from bench.processes import free_ports
from node.terminal import harmless
from ranges.keys import key_text, range_key_text

MERGE_TRIES = 30_000  # orders that are refused at once


def run(*arguments: str):
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize("command", sorted(main.commands.keys() - {"bench"}))
def test_every_command_explains_itself(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 3


def test_what_does_not_exist_is_wrong_usage():
    assert run("sing").exit_code == 2


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("nodes",),
        ("ranges",),
        ("rules",),
        ("split", "k"),
        ("merge", "k"),
        ("move", "1", "2"),
        ("drain", "1"),
        ("decommission", "1"),
        ("undrain", "1"),
        ("recommission", "1"),
    ],
)
def test_nobody_answers_is_told_in_one_line(command):
    result = run(*command, "--at", f"127.0.0.1:{free_ports(1)[0]}")
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize("listen", ["0.0.0.0:4480", "10.0.0.1:4480"])
def test_beyond_loopback_needs_tls_or_a_loud_word(tmp_path, listen):
    result = run("start", "--data", str(tmp_path / "n"), "--listen", listen)
    assert result.exit_code == 1
    assert "--tls-dir" in result.output
    assert "--insecure" in result.output
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize("listen", ["nowhere", "127.0.0.1:", "127.0.0.1:99999", ":::4480"])
def test_an_address_that_is_none_is_told(tmp_path, listen):
    result = run("start", "--data", str(tmp_path / "n"), "--listen", listen)
    assert result.exit_code == 1
    assert listen in result.output
    assert not (tmp_path / "n").exists()


def test_text_from_data_is_made_harmless():
    assert harmless("a\x1b[31mb\x07") == "a\\x1b[31mb\\x07"
    assert key_text(b"\xff\x00") == "0xff00"
    assert range_key_text(b"\x10") == "·"
    assert range_key_text(b"\x10FR/\x1b") == "FR/\\x1b"
    assert range_key_text(b"\x01") == "system:"


def test_sizes_have_units_that_fit():
    assert [shown.size_text(size) for size in (0, 1023, 1024, 5 << 20, 1 << 50)] == [
        "0 B", "1023 B", "1.0 KiB", "5.0 MiB", "1024.0 TiB",
    ]  # fmt: skip


def test_json_is_json(capsys):
    shown.print_json({"key": "ä\n"})
    assert json.loads(capsys.readouterr().out) == {"key": "ä\n"}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with argosy.open(tmp_path_factory.mktemp("node") / "data", listen="127.0.0.1:0") as db:
        db["a\x1b[31m"] = b"1"
        yield db._runner.engine.links._listener.address


def asked(address, *command):
    result = run(*command, "--at", address, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_status(address):
    result = run("status", "--at", address)
    assert result.exit_code == 0
    assert result.output.splitlines()[0].startswith("healthy: 1 nodes")
    assert asked(address, "status")["healthy"] is True


def test_nodes(address):
    assert [row["address"] for row in asked(address, "nodes")] == [address]
    assert address in run("nodes", "--at", address).output


def test_rules_are_shown_and_each_option_changes_one(address):
    before = asked(address, "rules")
    assert before == asked(address, "status")["rules"]
    assert (before["split_load"], before["split_bytes"]) == (0, 64 << 20)
    shown = run("rules", "--at", address).output
    assert "64.0 MiB" in shown
    assert "never" in shown
    after = asked(address, "rules", "--split-load", "2500", "--dead-seconds", "90")
    assert after == {**before, "split_load": 2500, "dead_milliseconds": 90_000} == asked(address, "rules")
    assert "2500 requests/s" in run("rules", "--at", address).output
    refused = run("rules", "--replicas", "4", "--at", address)
    assert refused.exit_code == 1
    assert refused.output == "Error: a group has 1, 3, 5 or 7 replicas, not 4\n"
    assert asked(address, "rules") == after
    undone = asked(address, "rules", "--split-load", "0", "--dead-seconds", "300")
    assert undone == before


def test_a_split_shows_in_ranges(address):
    before = len(asked(address, "ranges"))
    result = run("split", "b\x1b", "--at", address)
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output
    after = asked(address, "ranges")
    assert len(after) == before + 1
    assert "b\\x1b" in [row["start"] for row in after]
    shown = run("ranges", "--at", address).output
    assert "b\\x1b" in shown
    assert "\x1b" not in shown


def test_a_merge_undoes_a_split(address):
    assert run("split", "m", "--at", address).exit_code == 0
    before = [row["start"] for row in asked(address, "ranges")]
    for _ in range(MERGE_TRIES):  # after a split both sides are left alone for some seconds
        result = run("merge", "m", "--at", address)
        if result.exit_code == 0:
            break
        assert "try again" in result.output
    assert result.output.splitlines() == ["merged at m"]
    after = [row["start"] for row in asked(address, "ranges")]
    assert "m" in before
    assert after == [each for each in before if each != "m"]
    assert "no range begins" in run("merge", "m", "--at", address).output


def test_the_only_node_neither_drains_nor_goes(address):
    for order in ("drain", "decommission"):
        result = run(order, "1", "--yes", "--at", address)
        assert (result.exit_code, result.output.splitlines()[-1]) == (
            1,
            "Error: node 1 is the only node: add another first",
        )
    assert [row["state"] for row in asked(address, "nodes")] == ["up"]


@pytest.mark.parametrize(
    "command",
    [("move", "1", "9"), ("move", "99", "1"), ("split", "0xzz"), ("merge", "0xzz"), ("drain", "9"), ("undrain", "9")],
)
def test_what_cannot_be_done_is_told_in_one_line(address, command):
    result = run(*command, "--at", address)
    assert result.exit_code in (1, 2)
    assert result.output.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in result.output


def test_the_bench_is_started_with_its_arguments_as_they_are(monkeypatch):
    started = []
    monkeypatch.setattr("os.execv", lambda program, command: started.append((program, command)))
    assert CliRunner().invoke(main, ["bench", "kv", "--nodes", "1", "--help"]).exit_code == 0
    assert started == [(sys.executable, [sys.executable, "-m", "bench", "kv", "--nodes", "1", "--help"])]
