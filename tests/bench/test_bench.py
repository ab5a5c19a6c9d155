"""The parts of the bench that decide what its figures mean."""

import os
import subprocess
import sys

import pytest

from bench import policy
from bench.figures import Run, ratios, summary
from bench.processes import children, cpu_seconds, free_ports, resident_bytes
from bench.wire import Cut
from node.codec import encode
from node.messages import NotLeader
from ranges.keys import USER
from txn.puts import Put
from txn.queries import Read
from txn.replies import Committed, Values

KEY, VALUE, ID = b"0123456789abcdef", b"x" * 100, bytes(range(16))


def test_a_cut_put_is_what_the_codec_makes():
    for born in (0, 7 << 16, 1 << 60):
        told = Cut.put(100).told(encode(Committed(born)))
        assert Cut.put(100).join(ID, told, KEY, VALUE) == encode(Put(ID, born, USER + KEY, VALUE))


def test_a_cut_get_is_what_the_codec_makes():
    assert Cut.get(100).join(b"", b"", KEY, b"") == encode(Read((USER + KEY,), 0))


def test_only_a_commit_is_taken_for_a_put():
    cut = Cut.put(100)
    assert cut.accepts(encode(Committed(1)), b"")
    assert cut.accepts(encode(Committed(1 << 60)), b"")
    assert not cut.accepts(encode(NotLeader(1, 2)), b"")


def test_only_the_right_value_is_taken_for_a_get():
    cut = Cut.get(100)
    assert cut.accepts(encode(Values(1 << 60, (VALUE,))), VALUE)
    assert not cut.accepts(encode(Values(1 << 60, (b"y" * 100,))), VALUE)
    assert not cut.accepts(encode(Values(1 << 60, (None,))), VALUE)


SHAPE = {"connections": 64, "inflight": 1}
RUN = Run(1000, 0.5, list(range(1000)), [10.0, 20.0, 30.0], 0.75)


def test_a_summary_has_the_medians():
    slow = Run(1000, 1.0, [each * 2 for each in range(1000)], [20.0, 20.0, 20.0], 0.5)
    row = summary("argosy", "put", SHAPE, [RUN, slow, RUN], leader=1)
    assert (row["per_second"], row["per_second_min"], row["per_second_max"]) == (2000, 1000, 2000)
    assert (row["p50_us"], row["p99_us"]) == (500, 990)
    assert (row["cpu_us_per_request"], row["cpu_us_per_request_all"]) == ([10.0, 20.0, 30.0], 60.0)
    assert row["generator_cpu_share"] == 0.75
    assert row["runs"]["per_second"] == [2000, 1000, 2000]
    assert row["leader"] == 1


def test_a_ratio_is_ours_over_theirs():
    ours = summary("argosy", "put", SHAPE, [RUN])
    theirs = summary("etcd", "put", SHAPE, [Run(1000, 1.0, [100] * 1000, [60.0, 30.0, 30.0])])
    assert ratios(ours, theirs)["per_second"] == 2.0
    assert ratios(ours, theirs)["cpu_us_per_request_all"] == 0.5


def test_runs_in_turns_are_divided_pair_by_pair():
    fast, slow = Run(1000, 0.5, [100] * 1000, [10.0]), Run(1000, 2.0, [400] * 1000, [40.0])
    row = ratios(summary("argosy", "put", SHAPE, [fast, slow, fast]), summary("etcd", "put", SHAPE, [fast, slow, slow]))
    assert row["runs"]["per_second"] == [1.0, 1.0, 4.0]
    assert (row["per_second"], row["per_second_min"], row["per_second_max"]) == (1.0, 1.0, 4.0)


def test_the_kernel_counts_children_too():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        while not children(process.pid):
            pass  # until the child is there
        assert cpu_seconds(process.pid) >= cpu_seconds(children(process.pid)[0])
        process.communicate(b"\n")
    assert cpu_seconds(os.getpid()) > 0
    assert resident_bytes(os.getpid()) > 1 << 20


def test_free_ports_are_different():
    assert len(set(free_ports(6))) == 6


@pytest.mark.parametrize("mixed", [False, True])
def test_the_policy_comes_to_rest_after_a_death_and_leaves_nothing_on_the_dead_node(mixed: bool):
    before, after = policy.run(12, 300, mixed)
    assert (before["ranges"], after["nodes"]) == (300, 12)
    assert after["moves"] >= after["rounds"] // 10 > 0
    least, most = after["replicas_per_node"]
    assert 300 * 3 // 11 - 10 < least <= most < 300 * 3 // 11 + 10
