"""The chart of a citable answer, by its operation."""

from collections.abc import Callable, Mapping
from typing import Any

from api.charts import bars, timeline
from api.charts.svg import Drawing, Style

Answer = Mapping[str, Any]
Draw = Callable[[Style], Drawing]


def drawer(operation_id: str, answer: Answer, group_by: str | None, zone_name: str) -> Draw | None:
    """Return the function that draws an answer; None if the operation has no chart."""
    if operation_id == "getTimeline":
        return lambda style: timeline.draw(answer, zone_name, style)
    if operation_id == "getDelivery":
        return lambda style: bars.draw_delivery(answer, style)
    if operation_id == "getCounts" and group_by is not None:
        return lambda style: bars.draw_groups(answer, group_by, style)
    return None
