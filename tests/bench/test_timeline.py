"""How samples become a timeline, and what of it belongs to which event."""

from bench.timeline import Event, buckets, spans, spread

SAMPLES = [(10.0, 0.001), (10.05, 0.003), (10.099, 0.002), (10.31, 0.5), (11.0, 0.004)]


def test_a_bucket_has_what_was_due_in_its_tenth_of_a_second():
    assert buckets(SAMPLES, 10.0) == [
        {"at": 0.0, "count": 3, "p50_us": 2000, "p99_us": 3000, "max_us": 3000},
        {"at": 0.3, "count": 1, "p50_us": 500000, "p99_us": 500000, "max_us": 500000},
        {"at": 1.0, "count": 1, "p50_us": 4000, "p99_us": 4000, "max_us": 4000},
    ]


def test_an_event_reaches_to_the_next_one():
    events = [Event("calm", 10.0, 10.0), Event("kill", 10.3, 10.9), Event("join", 12.0, 13.0)]
    found = [(event.name, figures["count"], figures["max_us"]) for event, figures in spans(SAMPLES, events)]
    assert found == [("calm", 3, 3000), ("kill", 2, 500000), ("join", 0, 0)]


def test_nothing_has_a_spread_of_nothing():
    assert spread([]) == {"count": 0, "p50_us": 0, "p99_us": 0, "max_us": 0}
