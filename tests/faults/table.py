"""The table of faults: a row for each, with what came of the writes meanwhile."""

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
    ("beside that", 0),
)


@dataclass
class Row:
    """What a fault did. `broken` says what did not hold of what must; empty if all did."""

    fault: str
    sent: int = 0
    """Requests, each attempt for itself."""
    acknowledged: int = 0
    lost: int = 0
    """Writes that were acknowledged and are not stored."""
    doubled: int = 0
    """Writes that are stored more than once."""
    differing: int = 0
    """Writes with two answers that are not the same byte for byte."""
    ready: Sequence[float] = ()
    """Seconds from each fault to the first acknowledgement of a write that was begun after it."""
    remark: str = ""
    broken: list[str] = field(default_factory=list)

    def must(self, holds: object, what: str) -> None:
        if not holds and what not in self.broken:
            self.broken.append(what)

    def cells(self) -> Sequence[str]:
        ready = ""
        if self.ready:
            ready = f"{median(self.ready):.1f} to {max(self.ready):.1f} s"
            if len(self.ready) == 1:
                ready = f"{self.ready[0]:.1f} s"
        figures = (self.sent, self.acknowledged, self.lost, self.doubled, self.differing)
        beside = "; ".join([self.remark, *(f"BROKEN: {what}" for what in self.broken)]).strip("; ")
        return (self.fault, *(f"{n:,}" for n in figures), ready, beside)


def line(cells: Sequence[str]) -> str:
    """Figures to the right, words to the left."""
    words = [
        f"{cell:<{width}}" if name in ("fault", "beside that") else f"{cell:>{width}}"
        for cell, (name, width) in zip(cells, _COLUMNS, strict=True)
    ]
    return " ".join(words).rstrip()


def heading() -> str:
    return line([name for name, _ in _COLUMNS])
