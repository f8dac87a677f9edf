"""The table of faults: a row for each, with the fate of the writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

_COLUMNS = (
    ("fault", 44),
    ("sent", 7),
    ("acked", 7),
    ("lost", 5),
    ("doubled", 8),
    ("differ", 7),
    ("ready again", 14),
    ("remarks", 0),
)


@dataclass
class Row:
    """The result of a fault. `broken` lists the conditions that failed; empty if none did."""

    fault: str
    sent: int = 0
    """Requests, counting each attempt."""
    acknowledged: int = 0
    lost: int = 0
    """Acknowledged writes that are not stored."""
    doubled: int = 0
    """Writes stored more than once."""
    differing: int = 0
    """Writes with two responses that differ."""
    ready: Sequence[float] = ()
    """Seconds from each fault to the acknowledgement of the first write started after it."""
    remark: str = ""
    broken: list[str] = field(default_factory=list)

    def must(self, condition: object, error: str) -> None:
        if not condition and error not in self.broken:
            self.broken.append(error)

    def cells(self) -> Sequence[str]:
        ready = ""
        if self.ready:
            ready = f"{median(self.ready):.1f} to {max(self.ready):.1f} s"
            if len(self.ready) == 1:
                ready = f"{self.ready[0]:.1f} s"
        figures = (self.sent, self.acknowledged, self.lost, self.doubled, self.differing)
        remarks = "; ".join(
            [self.remark, *(f"BROKEN: {condition}" for condition in self.broken)]
        ).strip("; ")
        return (self.fault, *(f"{n:,}" for n in figures), ready, remarks)


def line(cells: Sequence[str]) -> str:
    """Align text left and figures right."""
    aligned = [
        f"{cell:<{width}}" if name in ("fault", "remarks") else f"{cell:>{width}}"
        for cell, (name, width) in zip(cells, _COLUMNS, strict=True)
    ]
    return " ".join(aligned).rstrip()


def heading() -> str:
    return line([name for name, _ in _COLUMNS])
