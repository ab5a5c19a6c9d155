"""Frames of a client: who is dialled, what leaves on which link, what a lost link means."""

from node.codec import decode, encode
from node.flow import HERE, Gather, Send
from node.messages import Done, NotLeader
from node.ports import LOCAL_LINK, Effects, Frame, Hello, Kind, LinkDown, LinkUp, Role
from ranges.placement.config import TICKS_PER_REQUEST_MAX
from ranges.placement.messages import Ticks, TicksAre
from txn.client import DIAL_AGAIN_SECONDS, DIAL_SECONDS, SHARED_MAX, Client
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

    def up(self, node: int, link: int, cluster: bytes = b"") -> Effects:
        return self.step(LinkUp(link, Hello(Role.NODE, cluster, node, 1, dict(ROUTES)[node], ROUTES)))


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
    played = Played()
    played.up(1, 11, b"c")
    hello = played.client.hello()
    assert (hello.role, hello.cluster, hello.routes) == (Role.CLIENT, b"c", ROUTES)


def test_a_client_stays_with_the_cluster_that_it_met_first():
    played = Played()
    played.ask(1, 2)
    assert not played.up(1, 11, b"c").hangups
    effects = played.up(2, 12, b"d")
    assert effects.hangups == [12] and not effects.sends
    assert played.client.hello().cluster == b"c"
    played.step(LinkDown(12, 2))
    played.up(2, 13, b"c")
    played.step(reply(11, (1, Done())), reply(13, (2, Done())))
    assert played.told == [(Done(), Done())]


def test_an_error_of_a_flow_is_its_callers():
    played = Played()

    def flow():
        yield from ()
        raise KeyError("mine")

    played.client.start(flow(), lambda result, error: played.told.append(error))
    played.step()
    assert isinstance(played.told[0], KeyError)


class Ticking(Played):
    """A client with a link to node 1, and flows that want ticks of it."""

    def __init__(self) -> None:
        super().__init__()
        self.up(1, 11)

    def want(self, *counts: int) -> list[tuple[int, object]]:
        """Each count is a flow's; the messages that leave in the step, with their copies."""

        def one(count: int):
            return (yield Send(1, 0, 0, Ticks(count), 5.0))

        for count in counts:
            self.client.start(one(count), lambda result, error: self.told.append(error or result))
        return [(copy, decode(body)) for _, _, rows in self.step().sends for copy, _, _, body in rows]


def test_all_ticks_of_a_step_are_one_message_and_each_flow_gets_its_own():
    played = Ticking()
    assert played.want(1, 3, 1) == [(1, Ticks(5))]
    assert played.want(1) == [(4, Ticks(1))], "one asked after that has left does not answer (O3)"
    played.step(reply(11, (1, TicksAre(100 << 16)), (4, TicksAre(200 << 16))))
    assert played.told == [TicksAre(number << 16) for number in (100, 101, 104, 200)]


def test_a_refusal_or_a_lost_link_is_everybodys():
    played = Ticking()
    played.want(1, 1)
    played.step(reply(11, (1, NotLeader(0, 2))))
    assert played.told == [NotLeader(0, 2)] * 2
    played.want(1, 1)
    played.step(LinkDown(11))
    assert played.told[2:] == [None, None]


def test_ticks_that_nobody_can_be_asked_for_are_told_so_to_all():
    played = Played()
    for _ in range(2):
        played.client.start(played.client.router.ticks(1, 0.1), lambda result, error: played.told.append(result))
    played.step()
    played.step(LinkDown(-1, 0))
    played.step(after=5.0)
    assert played.told == [None, None]


def test_a_message_asks_for_no_more_ticks_than_one_may():
    played = Ticking()
    most = TICKS_PER_REQUEST_MAX
    assert [each for _, each in played.want(most, 1, most - 1, 2)] == [Ticks(most), Ticks(most), Ticks(2)]


def test_who_shares_and_is_never_answered_is_forgotten():
    played = Ticking()
    for _ in range(SHARED_MAX + 50):
        played.want(1, 1)
        played.step(after=6.0)
    assert len(played.client._shared) == SHARED_MAX
    assert played.told == [None] * (2 * SHARED_MAX + 100)
