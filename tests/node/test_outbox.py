from node.outbox import DIAL_AGAIN_SECONDS, Outbox
from node.ports import Effects, Kind

ROW = (1, 2, 3, b"body")


def emptied(outbox):
    effects = Effects()
    outbox.empty_into(effects)
    return effects


def outbox():
    return Outbox({2: "two:1", 3: "three:1"}.get)


def test_one_frame_of_each_kind_for_each_link():
    box = outbox()
    box.up(2, 20)
    box.raft(2, ROW, 0.0)
    box.raft(2, ROW, 0.0)
    box.reply(7, 1, b"a")
    box.reply(7, 2, b"b")
    assert emptied(box).sends == [(20, Kind.RAFT, (ROW, ROW)), (7, Kind.REPLIES, ((1, b"a"), (2, b"b")))]
    assert emptied(box).sends == []


def test_a_request_waits_for_the_dial_and_a_raft_message_does_not():
    box = outbox()
    box.raft(2, ROW, 0.0)
    assert box.request(2, ROW, 0.0)
    assert emptied(box).dials == [(2, "two:1")]
    box.up(2, 20)
    assert emptied(box).sends == [(20, Kind.REQUESTS, (ROW,))]


def test_a_failed_dial_loses_what_waited_and_tells_the_node():
    box = outbox()
    box.request(2, ROW, 0.0)
    assert box.down(-1, 2) == 2
    box.up(2, 20)
    assert emptied(box).sends == []


def test_a_request_that_comes_just_after_a_failed_dial_does_not_wait():
    box = outbox()
    assert box.request(2, (1, 0, 0, b"first"), 0.0)
    emptied(box)
    box.down(-1, 2)
    assert not box.request(2, (2, 0, 0, b"second"), DIAL_AGAIN_SECONDS / 2), "no dial would bring it on its way"
    assert not emptied(box).dials
    box.up(2, 7)
    assert not emptied(box).sends


def test_nobody_is_dialled_too_often_nor_without_an_address():
    box = outbox()
    assert not box.request(9, ROW, 0.0)
    box.dial(2, 0.0)
    box.dial(2, DIAL_AGAIN_SECONDS / 2)
    assert emptied(box).dials == [(2, "two:1")]
    box.dial(2, DIAL_AGAIN_SECONDS)
    assert emptied(box).dials == [(2, "two:1")]


def test_what_was_gathered_for_a_lost_link_is_dropped():
    box = outbox()
    box.up(2, 20)
    box.raft(2, ROW, 0.0)
    assert box.down(20, 0) == 2
    assert emptied(box).sends == []


def test_an_older_links_end_leaves_the_newer_one_standing():
    box = outbox()
    box.up(2, 20)
    box.up(2, 21)
    box.down(20, 0)
    box.raft(2, ROW, 0.0)
    assert emptied(box).sends == [(21, Kind.RAFT, (ROW,))]


def test_chunks_leave_before_the_message_that_offers_them():
    box = outbox()
    box.up(2, 20)
    box.raft(2, ROW, 0.0)
    assert box.snapshot(2, (1, 2, 3, 0, b"rows", 0))
    assert [kind for _, kind, _ in emptied(box).sends] == [Kind.SNAPSHOT, Kind.RAFT]
    assert not box.snapshot(3, (1, 2, 3, 0, b"rows", 0))
