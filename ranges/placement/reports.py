"""What a node's report changes: routes that the catalog does not know yet, and facts about groups that it leads.

Owns how a report is read, by the leader of group 0 only. Does not own when one is taken (catalog.py), nor the check of
what else the node holds (holdings.py). Read next: ranges/placement/picture.py.
"""

from node.flow import HERE, Flow, Send, Sleep
from node.messages import Done
from ranges.placement.cells import CONTROL_GROUP
from ranges.placement.config import ASK_SECONDS, ORDER_SECONDS, RANGES_PER_REPORT_MAX
from ranges.placement.memory import LeaderMemory
from ranges.placement.messages import PutDescriptors, PutNode, Report
from ranges.placement.picture import Facts, Picture
from ranges.placement.routes import Placed, Routes, least_next_replica


def news_of(routes: Routes, report: Report) -> PutDescriptors:
    """What the catalog does not know yet: left and right of a split together (design 9.5)."""
    told = [Placed(each.descriptor, each.next_replica) for each in report.leading]
    told += [Placed(each, least_next_replica(each)) for each in report.beside]
    fresh = [placed for placed in told if routes.is_news(placed.descriptor)][:RANGES_PER_REPORT_MAX]
    return PutDescriptors(tuple(placed.descriptor for placed in fresh), tuple(placed.next_replica for placed in fresh))


def propose(command: PutNode | PutDescriptors) -> Flow[None]:
    """Propose what a report tells anew; the report then begins again, and finds it known."""
    reply = yield Send(HERE, CONTROL_GROUP, 0, command, ORDER_SECONDS)
    if type(reply) is not Done:
        yield Sleep(ASK_SECONDS)


def take_report(report: Report, routes: Routes, picture: Picture, memory: LeaderMemory, now: float) -> None:
    """Terms, sizes and loads of the groups that a node leads."""
    for each in report.leading:
        group = each.descriptor.group
        placed = routes.of_group(group)
        if placed is None:
            continue
        since = memory.stir(each, now)
        facts = Facts(each.term, report.node, each.size, each.load)
        if each.descriptor.span_version < placed.descriptor.span_version:
            known = picture.facts(group)  # it was split since: size and load are those of both sides
            facts = facts._replace(size=known.size, load=known.load)
        picture.report(group, facts, since)
