"""The rule by which a figure counts as changed, and what `bench compare` prints and returns."""

import json

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.cluster import BenchFailed
from bench.compare import Change, compare, machines, read
from bench.figures import identity


def verdict(old, new, figure="per_second"):
    return Change("argosy put", figure, old, new).verdict


def test_ranges_that_overlap_are_the_same():
    assert verdict([100, 110, 120], [120, 200, 300]) == "same"
    assert verdict([100, 200, 300], [140, 150, 160]) == "same"
    assert verdict([140, 150, 160], [100, 200, 300]) == "same"


def test_ranges_apart_are_a_change_in_the_direction_that_counts():
    assert verdict([100, 110, 120], [121, 130, 140]) == "better"
    assert verdict([121, 130, 140], [100, 110, 120]) == "worse"
    assert verdict([100, 110, 120], [121, 130, 140], "p99_us") == "worse"
    assert verdict([121, 130, 140], [100, 110, 120], "cpu_us_per_request_all") == "better"
    assert verdict([10, 11, 12], [13, 14, 15], "per_cpu_second") == "better"
    assert verdict([1.0, 1.1, 1.2], [2.0, 2.1, 2.2], "seconds") == "worse"


def test_a_small_change_is_none_however_steady():
    assert verdict([100, 100, 100], [104, 104, 104]) == "same"
    assert verdict([100, 100, 100], [105, 105, 105]) == "better"


def test_few_runs_say_nothing():
    assert verdict([100, 100], [300, 300, 300]) == "few"
    assert verdict([100, 100, 100], [300, 300]) == "few"


def row(values, operation="put", **shape):
    return {"peer": "argosy", "operation": operation, "shape": shape, "runs": {"per_second": values}}


def test_rows_meet_by_peer_operation_and_shape_and_their_runs_are_taken_together():
    old = [row([1], nodes=3), row([2], nodes=3), row([3], nodes=3), row([9, 9, 9], nodes=5)]
    new = [{"about": {}}, row([10, 11, 12], nodes=3), row([5], "get", nodes=5)]
    changes, alone = compare(old, new)
    assert [(each.old, each.new, each.verdict) for each in changes] == [([1, 2, 3], [10, 11, 12], "better")]
    assert alone == [
        "only in the old file: argosy put nodes=5",
        "only in the new file: argosy get nodes=5",
    ]


def test_a_ratio_has_an_identity_of_its_own():
    assert identity({"ratio": "argosy/etcd", "operation": "put", "shape": {"nodes": 3}}) == "argosy/etcd put nodes=3"


def write(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return str(path)


def test_the_command_fails_if_asked_to_and_something_is_worse(tmp_path):
    old = write(tmp_path / "old.json", [row([100, 101, 102]), row([5, 5, 5], "get")])
    new = write(tmp_path / "new.json", [row([50, 51, 52]), row([5, 5, 5], "get")])
    result = CliRunner().invoke(main, ["compare", old, new])
    assert result.exit_code == 0
    assert "worse" in result.output
    assert "101 (100 to 102)" in result.output
    assert "0 better, 1 worse, 1 the same within noise, 0 with too few runs to say" in result.output
    assert CliRunner().invoke(main, ["compare", old, new, "--fail"]).exit_code == 1
    assert CliRunner().invoke(main, ["compare", new, old, "--fail"]).exit_code == 0
    found = [json.loads(line) for line in CliRunner().invoke(main, ["compare", old, new, "--json"]).output.splitlines()]
    assert [(each["figure"], each["verdict"]) for each in found] == [("per_second", "worse"), ("per_second", "same")]


def test_a_file_may_be_one_document_or_lines(tmp_path):
    one = tmp_path / "one.json"
    one.write_text(json.dumps([row([1]), row([2])], indent=1))
    assert read(one) == [row([1]), row([2])]
    one.write_text(json.dumps(row([1])))
    assert read(one) == [row([1])]
    for text in ("nonsense", '{"a": 1}\n{"b"', "[1]"):
        one.write_text(text)
        with pytest.raises(BenchFailed, match=r"one\.json"):
            read(one)


def test_other_machines_are_told():
    here, there = ([{"about": {"machine": {"cores": cores}}}] for cores in (2, 4))
    assert machines(here, here) == ""
    assert machines(here, []) == ""
    assert "differ" in machines(here, there)
