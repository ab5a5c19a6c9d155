"""The report from canned rows, well formed and self-contained; and the suite, which reports whatever was measured."""

import base64
import json
import re
from html import escape
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

import bench.__main__
import bench.suite
from bench import page, timeline
from bench.__main__ import PART_NAMES, main
from bench.about import about
from bench.cluster import BenchFailed
from bench.embedded import STORES
from bench.figures import Run, ratios, summary
from bench.parts import PARTS, Part
from bench.scale import ratio
from bench.sql import BURSTS, CONNECTS
from bench.suite import Suite
from bench.timeline import Event
from bench.workloads.ycsb import MIXES


def runs(factor: float = 1.0, **more) -> list[Run]:
    latencies = [each * 10 / factor for each in range(1, 101)]
    return [
        Run(1_000, each / factor, latencies, [50.0 / factor, 20.0, 20.0], 0.4, 0.1, **more) for each in (0.5, 0.6, 0.7)
    ]


def canned() -> list[dict]:
    rows: list[dict] = []

    def part(name, *found):
        rows.extend({"part": name, **row} for row in found)

    for operation, width, depth in (("put", 64, 1), ("put", 8, 32), ("get", 64, 1)):
        shape = {"nodes": 3, "connections": width, "inflight": depth, "ranges": 1}
        ours, theirs = summary("argosy", operation, shape, runs(2)), summary("etcd", operation, shape, runs())
        part("kv", ours, theirs, ratios(ours, theirs))
    ours, theirs = (
        summary("argosy", "transfer", {"clients": 64}, runs()),
        summary("etcd", "compare-and-put", {}, runs()),
    )
    part("bank", ours, theirs, ratios(ours, theirs))
    for name, mix in MIXES.items():
        apart = {operation: [1_000.0, 2_000.0] for operation, _ in mix.parts}
        part("ycsb", summary("argosy", f"ycsb-{name}", {"nodes": 3}, runs(by_operation=apart), mix=mix.what))
    sized = []
    for nodes in (1, 3, 5, 7, 9):
        more = {"cores_of_nodes": 1.5, "cores_of_load": 0.2, "cores_of_others": 0.1, "cores": 2, "limit": "cores"}
        row = summary("argosy", "scale-put", {"nodes": nodes}, runs(), per_cpu_second=11_000 - nodes * 100, **more)
        row["runs"]["per_cpu_second"] = [row["per_cpu_second"] - 100, row["per_cpu_second"] + 100]
        sized.append(row)
    part("scale", *sized, ratio(sized[-1], sized[1]))
    samples = [(each / 50, 0.001 + (each == 90) * 0.8) for each in range(200)]
    marks = [{"name": name, "begin": at, "end": at + 0.4} for at, name in enumerate(("calm", "split", "move", "kill"))]
    whole = {"timeline": timeline.buckets(samples, 0.0), "events": marks, "failed": [{"at": 3.1, "outcome": "unknown"}]}
    for event, spread in timeline.spans(samples, [Event("calm", 0.0, 0.0), Event("kill", 3.0, 3.4)]):
        part("events", {"operation": f"event-{event.name}", "shape": {"nodes": 4}, "seconds": 0.4, **spread})
    part("events", {"operation": "events", "shape": {"nodes": 4}, **whole})
    for operation in ("get", "put"):
        shape = {"keys": 10}
        stores = [summary(name, f"embedded-{operation}", shape, runs()) for name in STORES]
        part("embedded", *stores, *(ratios(stores[0], each) for each in stores[1:]))
    for operation in BURSTS:
        ours, theirs = (summary(name, f"sql-{operation}", {"rows": 10}, runs()) for name in CONNECTS)
        part("sql", ours, theirs, ratios(ours, theirs))
    part("idle", {"peer": "argosy", "operation": "idle", "shape": {"ranges": 300}, "cpu_share_per_node": [0.01, 0.02]})
    return [
        about("suite", {"seed": 1}),
        *rows,
        {"part": "failover", "note": 'Not measured: <time> & "again" were over'},
    ]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return page.write(folder, canned())


def test_the_report_is_well_formed_and_stands_alone(written):
    text = written.read_text()
    tree = ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
    assert [each.text for each in tree.iter("h1")] == ["Argosy, measured"]
    sources = [each.get("src") for each in tree.iter("img")]
    assert len(sources) == 7
    assert all(base64.b64decode(each.partition("base64,")[2]).startswith(b"\x89PNG") for each in sources)
    assert not re.search(r"""(?:href|src)=["'](?!data:)|url\(|@import|<script|<link|https?://""", text)


def test_pictures_stand_beside_it_too(written):
    found = sorted(each.stem for each in written.parent.glob("*.png"))
    assert found == ["bank", "embedded", "events", "kv", "scale", "sql", "ycsb"]


def test_the_report_says_what_a_reader_must_know(written):
    text = written.read_text()
    for part in PARTS:
        assert f">{escape(part.title)}</h2>" in text
    for each in ("cores", "GiB of memory", "Goal: at least 0.5", "Goal: at least 0.8", "argosy/etcd", "9/3 nodes"):
        assert each in text
    assert "1: reached." in text
    assert "What limits, where it says “cores”" in text
    assert "Not measured: &lt;time&gt; &amp; &quot;again&quot; were over" in text


def test_a_goal_that_was_missed_or_not_measured_says_so():
    row = {"part": "bank", "ratio": "argosy/etcd", "operation": "transfer", "shape": {}, "per_second": 0.49}
    assert "0.49: missed." in page.page([row], {})
    assert "Not measured." in page.page([{"part": "bank", "note": "none"}], {})


def test_the_report_can_be_made_anew_from_the_results(tmp_path):
    results = tmp_path / "results.json"
    rows = canned()
    results.write_text("\n".join(map(json.dumps, rows)))
    result = CliRunner().invoke(main, ["report", str(results), "--output", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert (tmp_path / "out" / "report.html").read_text() == page.write(tmp_path, rows).read_text()


def fake(name: str, *rows, error: BaseException | None = None, seconds: float = 0.0) -> Part:
    def run(seed, tell):
        yield from ({"peer": "argosy", "operation": name, "shape": {"seed": seed}, "value": row} for row in rows)
        if error is not None:
            raise error

    real = next(part for part in PARTS if part.name == name)
    return Part(name, real.title, real.text, real.columns, seconds, run)


def measured(tmp_path, *parts: Part, minutes: float = 1.0) -> tuple[Suite, list, str]:
    suite = Suite(tmp_path, minutes, 7, lambda text: None)
    text = suite.run(about("suite", {"seed": 7}), parts).read_text()
    rows = [json.loads(line) for line in (tmp_path / "results.json").read_text().splitlines()]
    assert rows == suite.rows
    return suite, [row.get("value", row.get("note")) for row in rows[1:]], text


def test_a_suite_that_is_stopped_reports_what_it_has_and_what_it_has_not(tmp_path):
    stopped = BaseExceptionGroup("tasks", [KeyboardInterrupt()])
    suite, found, text = measured(tmp_path, fake("idle", 1), fake("failover", 2, error=stopped), fake("events", 3))
    assert suite.interrupted
    assert found == [1, 2, "Stopped in the middle.", "Not measured: the run was stopped before."]
    assert "Stopped in the middle." in text


def test_a_part_that_fails_is_told_of_and_the_others_go_on(tmp_path):
    failing = fake("idle", 1, error=ExceptionGroup("tasks", [BenchFailed("no leader")]))
    suite, found, text = measured(tmp_path, failing, fake("failover", 2))
    assert not suite.interrupted
    assert found == [1, "Failed: no leader", 2]
    assert "Failed: no leader" in text


def test_a_part_that_would_take_longer_than_is_left_does_not_begin(tmp_path):
    _, found, _ = measured(tmp_path, fake("idle", 1, seconds=61.0), fake("failover", 2, seconds=30.0))
    assert found == ["Not measured: the 1 minutes of this run were over before.", 2]


def test_a_part_is_left_when_the_time_is_over_and_ends_what_it_started(tmp_path):
    ended = []

    def run(seed, tell):
        try:
            yield {"value": 1}
            yield {"value": 2}
        finally:
            ended.append(True)

    part = Part("idle", "", (), {}, -1.0, run)
    _, found, _ = measured(tmp_path, part, minutes=0.0)
    assert found == [1, "Not finished: the 0 minutes of this run were over."]
    assert ended == [True]


def test_a_peer_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda program: None)
    part = next(part for part in PARTS if part.name == "bank")
    monkeypatch.setattr(bench.suite.Suite, "_measure", lambda suite, part: None)
    _, found, text = measured(tmp_path, part)
    assert found == ["Not compared with etcd, which is not installed here."]
    assert "Not compared with etcd" in text


def test_the_command_line_knows_every_part():
    assert tuple(part.name for part in PARTS) == PART_NAMES


@pytest.mark.parametrize("command", [["suite"], ["report", __file__]])
def test_a_report_without_matplotlib_is_refused_before_anything_is_measured(monkeypatch, tmp_path, command):
    monkeypatch.setattr(bench.__main__, "find_spec", lambda name: None)
    result = CliRunner().invoke(main, [*command, "--output", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "pip install 'argosy[bench]'" in result.output
    assert not (tmp_path / "out").exists()


def test_the_list_of_commands_begins_with_the_suite_and_cuts_no_line_off():
    lines = CliRunner().invoke(main, ["--help"]).output.partition("Commands:\n")[2].splitlines()
    assert lines[0].split()[0] == "suite"
    assert len(lines) == len(main.commands)
    assert not [line for line in lines if line.endswith("...")]
