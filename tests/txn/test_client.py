"""Frames of a client: who is dialled, what leaves on which link, what a lost link means."""

from node.codec import decode, encode
from node.flow import HERE, Gather, Send
from node.messages import Done, NotLeader
from node.ports import LOCAL_LINK, Effects, Frame, Hello, Kind, LinkDown, LinkUp, Role
from txn.client import DIAL_AGAIN_SECONDS, DIAL_SECONDS, Client
from txn.queries import Read

ROUTES = ((1, "one"), (2, "two"))
QUESTION = Read((b"\x10k",), 7)


class Played:
    def __init__(self, **options) -> None:
        self.client = Client(["seed", "other"], lambda: 0.5, **options)
        self.told: list[object] = []
        self.now = 0.0

    def ask(self, *nodes: int, seconds: float = 5.0) -> None:
        def one(node: int):
            return (yield Send(node, 4, 2, QUESTION, seconds))

        def flow():
            return (yield Gather(tuple(one(node) for node in nodes)))

        self.client.start(flow(), lambda result, error: self.told.append(error or result))

    def step(self, *events, after: float = 0.0) -> Effects:
        self.now += after
        return self.client.step(self.now, events)

    def up(self, node: int, link: int) -> Effects:
        return self.step(LinkUp(link, Hello(Role.NODE, b"", node, 1, dict(ROUTES)[node], ROUTES)))


def reply(link: int, *rows) -> Frame:
    return Frame(link, Kind.REPLIES, tuple((copy, encode(message)) for copy, message in rows))


def test_a_step_sends_one_frame_on_each_link():
    played = Played()
    played.up(1, 11)
    played.up(2, 12)
    played.ask(1, 2, 1)
    effects = played.step()
    assert [(link, kind, len(rows)) for link, kind, rows in effects.sends] == [
        (11, Kind.REQUESTS, 2),
        (12, Kind.REQUESTS, 1),
    ]
    _, group, span, body = effects.sends[0][2][0]
    assert (group, span, decode(body)) == (4, 2, QUESTION)
    assert not played.step().sends
    played.step(reply(11, (1, Done()), (3, Done())), reply(12, (2, NotLeader(4, 1))))
    assert played.told == [(Done(), NotLeader(4, 1), Done())]


def test_nobody_known_means_the_seeds_in_turn():
    played = Played()
    played.ask(HERE)
    assert played.step().dials == [(0, "seed")]
    assert played.step().dials == []
    assert played.client.wake_at == DIAL_SECONDS
    assert played.step(LinkDown(-1, 0)).dials == []
    assert played.told == [(NotLeader(4, 0),)], "what never left is told so, not silence"
    played.ask(HERE)
    assert played.step(after=DIAL_AGAIN_SECONDS).dials == [(0, "other")]
    effects = played.up(2, 12)
    assert [link for link, _, _ in effects.sends] == [12]
    assert played.client.connected()


def test_a_node_is_dialled_by_its_address_and_what_waits_goes_when_it_is_up():
    played = Played()
    played.up(1, 11)
    played.ask(2, 2)
    assert played.step().dials == [(2, "two")]
    assert [(link, len(rows)) for link, _, rows in played.up(2, 12).sends] == [(12, 2)]


def test_a_dial_that_never_ends_is_made_again():
    played = Played()
    played.ask(HERE, seconds=60.0)
    played.step()
    assert played.step(after=DIAL_SECONDS / 2).dials == []
    assert played.step(after=DIAL_SECONDS / 2).dials == [(0, "other")]


def test_a_node_without_an_address_cannot_be_sent_to():
    played = Played()
    played.up(1, 11)
    played.ask(9)
    played.step()
    played.step()
    assert played.told == [(NotLeader(4, 0),)]


def test_a_lost_link_is_silence_for_what_has_left_and_for_nothing_else():
    played = Played()
    played.up(1, 11)
    played.up(2, 12)
    played.ask(1)
    played.ask(2)
    played.step()
    played.step(LinkDown(11))
    assert played.told == [(None,)]
    played.step(reply(12, (2, Done())))
    assert played.told == [(None,), (Done(),)]


def test_any_node_is_another_one_when_its_link_is_lost():
    played = Played()
    played.up(1, 11)
    played.up(2, 12)
    played.ask(HERE)
    assert [link for link, _, _ in played.step().sends] == [11]
    played.step(LinkDown(11))
    assert played.told == [(None,)]
    played.ask(HERE)
    assert [link for link, _, _ in played.step().sends] == [12]


def test_an_older_link_to_the_same_node_may_go():
    played = Played()
    played.up(1, 11)
    played.up(1, 12)
    played.step(LinkDown(11))
    played.ask(1)
    assert [link for link, _, _ in played.step().sends] == [12]


def test_time_that_is_over_is_silence():
    played = Played()
    played.up(1, 11)
    played.ask(1, seconds=2.0)
    played.step()
    assert played.client.wake_at == 2.0
    played.step(after=2.0)
    assert played.told == [(None,)]


def test_a_frame_that_is_no_answer_ends_the_link():
    for payload in ((("copy",),), ((1, b"\xff"),), 7):
        played = Played()
        played.up(1, 11)
        assert played.step(Frame(11, Kind.REPLIES, payload)).hangups == [11]
    assert played.step(Frame(11, Kind.RAFT, ())).hangups == [11]


def test_the_node_in_the_same_process_is_always_there():
    played = Played(local=3)
    played.ask(3, HERE)
    effects = played.step()
    assert [(link, len(rows)) for link, _, rows in effects.sends] == [(LOCAL_LINK, 2)] and not effects.dials


def test_a_client_says_what_it_knows_of_group_zero():
    played = Played(cluster=b"c")
    played.up(1, 11)
    hello = played.client.hello()
    assert (hello.role, hello.cluster, hello.routes) == (Role.CLIENT, b"c", ROUTES)


def test_an_error_of_a_flow_is_its_callers():
    played = Played()

    def flow():
        yield from ()
        raise KeyError("mine")

    played.client.start(flow(), lambda result, error: played.told.append(error))
    played.step()
    assert isinstance(played.told[0], KeyError)
