"""An operator sends nodes away, takes them back and gives up the dead."""

from random import Random

from argosy.testing.members import BACK
from argosy.testing.simulation import Simulation
from node.messages import Done, Refused
from ranges.placement.leaving import AskLeft, LeftIs, OrderNode
from tests.simulator.formed import Formed


def told(formed: Formed, message: OrderNode | AskLeft) -> Done | Refused | LeftIs:
    reply: Done | Refused | LeftIs = formed.do(formed.operator.client.router.control(message, 5.0))
    return reply


def state(formed: Formed, node: int) -> str:
    left = told(formed, AskLeft(node))
    assert isinstance(left, LeftIs)
    return left.state


def goes_on(formed: Formed) -> None:
    formed.put(b"later", b"row")
    assert formed.get(b"first") == formed.get(b"later")
    formed.cluster.compare()


def test_a_decommissioned_node_ends_by_itself_and_another_one_comes() -> None:
    formed = Formed(nodes=4)
    node = formed.leader()
    assert told(formed, OrderNode(node.node, "decommission")) == Done()
    assert formed.world.run(60.0, lambda: node.dead)
    assert not node.up
    node.restart()
    assert not node.up, "it never comes back"
    assert formed.world.run(20.0, lambda: [each.up for each in formed.cluster.living()] == [True] * 4)
    assert state(formed, node.node) == "removed"
    assert formed.world.run(20.0, formed.spread)
    goes_on(formed)


def test_who_was_removed_while_it_was_down_ends_when_it_is_back() -> None:
    formed = Formed(nodes=4)
    node = formed.cluster.nodes[3]
    told(formed, OrderNode(4, "decommission"))
    node.crash()
    assert formed.world.run(60.0, lambda: state(formed, 4) == "removed")
    assert not node.dead
    node.restart()
    assert formed.world.run(10.0, lambda: node.dead)
    goes_on(formed)


def test_a_dead_node_is_given_up_when_another_has_taken_its_place() -> None:
    formed = Formed(nodes=3)
    formed.cluster.nodes[2].lose()
    assert formed.world.run(60.0, lambda: any("n3 is given up" in note for note in formed.notes))
    assert formed.world.run(60.0, formed.spread)
    assert formed.world.run(20.0, lambda: state(formed, 3) == "removed")
    joined, given_up = (
        next(at for at, note in enumerate(formed.notes) if text in note) for text in ("n4 has joined", "n3 is given up")
    )
    assert joined < given_up, "with two nodes for three replicas there is nowhere to go"
    goes_on(formed)


def test_at_the_end_nobody_drains_or_leaves() -> None:
    formed = Formed(nodes=4)
    assert told(formed, OrderNode(1, "drain")) == Done()
    assert told(formed, OrderNode(2, "decommission")) == Done()
    assert (state(formed, 1), state(formed, 2)) == ("draining", "leaving")
    formed.do(formed.members.take_back())
    assert (state(formed, 1), state(formed, 2)) == ("up", "up")


def test_whom_the_operator_sent_away_may_be_called_back_but_not_the_dead() -> None:
    cluster = (simulation := Simulation(1, nodes=4, clients=0)).cluster
    for order, back in BACK.items():
        away: set[int] = set()
        orders = [simulation.members.send(order, Random(seed)) for seed in range(40)]
        assert {each.order for each in orders} == {order, back}
        for each in orders:
            assert each.order == order or each.node in away
            away = away | {each.node} if each.order == order else away - {each.node}
    for node in cluster.nodes[1:]:
        node.dead = True
    assert {simulation.members.send("drain", Random(seed)).node for seed in range(40)} == {1}
