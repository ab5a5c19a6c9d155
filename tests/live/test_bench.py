"""Small pieces of the suite on real processes: the rows that come out, and an end by Ctrl-C that leaves nothing."""

import json
import os
import signal
import subprocess
import sys

from bench import report, ycsb
from bench.processes import children


def test_a_mix_is_measured_and_every_read_is_verified():
    shape = ycsb.Shape(("D", "F"), nodes=1, connections=1, inflight=2, ranges=1, records=100, seconds=0.1, runs=1)
    rows = list(ycsb.run(shape, lambda text: None))
    assert [row["operation"] for row in rows] == ["ycsb-D", "ycsb-F"]
    for row in rows:
        assert row["per_second"] > 0
        assert row["cpu_us_per_request_all"] >= 0
        assert sum(each["count"] for each in row["by_operation"].values()) >= 1
        assert "per_second" in report.flat(row)


def test_ctrl_c_reports_what_was_measured_and_ends_the_nodes(tmp_path):
    command = [sys.executable, "-m", "bench", "suite", "--only", "ycsb", "--only", "idle", "--output", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        nodes: list[int] = []
        for line in process.stderr:
            nodes = children(process.pid) or nodes
            if "records are loaded" in line:
                process.send_signal(signal.SIGINT)
                break
        process.communicate()
    assert process.returncode == 130
    assert nodes
    assert not any(os.path.exists(f"/proc/{node}") for node in nodes)
    notes = [json.loads(line).get("note") for line in (tmp_path / "results.json").read_text().splitlines()]
    assert notes == [None, "Stopped in the middle.", "Not measured: the run was stopped before."]
    assert "Stopped in the middle." in (tmp_path / "report.html").read_text()
