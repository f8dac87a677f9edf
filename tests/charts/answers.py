"""Answers of reports that charts must be able to draw, the unusual ones among them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from api.charts import bars, timeline
from api.charts.svg import Drawing, Style

START = datetime(2026, 1, 8, 4, tzinfo=UTC)
DAY = timedelta(days=1)
SENTENCES = {
    "en": "As of 9 January 2026, 16:00 (Caracas time), at least six releases were confirmed by two "
    "or more independent sources.",
    "es": "Hasta las 16:00 del 9 de enero de 2026 (hora de Caracas), al menos seis excarcelaciones "
    "estaban confirmadas por dos o más fuentes independientes.",
}
CITATION = {"sentence": SENTENCES}
SOURCES = {
    "ngo": "Foro Penal",
    "party": "Plataforma Unitaria Democrática",
    "long": "Comité por la Libertad de los Presos Políticos y Observatorio Venezolano de Prisiones",
    "odd": 'A & B <news> "\u03a9" \u041d\u043e\u0432\u0430\u044f\x0b',
}


def over_time(figures: Sequence[tuple[int, int]], step: timedelta = DAY) -> Mapping:
    """A timeline of pairs of confirmed and reported."""
    return {
        "from": START.isoformat(),
        "until": (START + step * max(len(figures), 1)).isoformat(),
        "time_zone": "America/Caracas",
        "items": [
            {"at": (START + step * (i + 1)).isoformat(), "confirmed": c, "reported": r}
            for i, (c, r) in enumerate(figures)
        ],
        "citation": CITATION,
    }


def at_random(length: int) -> list[tuple[int, int]]:
    random, figures = Random(7), [(0, 0)]
    for _ in range(length - 1):
        confirmed, reported = figures[-1]
        figures.append(
            (
                max(0, confirmed + random.choice((0, 0, 0, 1, 2, -1))),
                max(0, reported + random.choice((0, 1, 3, -1, -2))),
            )
        )
    return figures


def comparison(source: str, claimed: int | None, verdict: str, **more: object) -> Mapping:
    return {
        "claim": {
            "source_id": source,
            "is_confidential": False,
            "kind": "released",
            "as_of": "2026-01-10T02:00:00Z",
            "window_start": "2026-01-08",
            "retracted_at": "2026-01-11T00:00:00Z" if source == "long" else None,
            "facility_id": "long" if source == "long" else None,
            "age_group": None,
            "nationality": None,
            "qualifier": "exact",
        },
        "claimed": claimed,
        "confirmed": 6,
        "reported": 4,
        "disputed": 1,
        "undisclosed": None,
        "verdict": verdict,
        "reason": None,
        **more,
    }


CLAIMS = [
    comparison("ngo", 56, "above_documented"),
    comparison("party", 11, "within_documented", undisclosed={"confirmed": 0, "reported": 2}),
    comparison("long", 3, "below_confirmed"),
    comparison("odd", None, "not_comparable", reason="no_figure"),
    comparison("ngo", 1_160_000, "not_comparable", reason="another_kind"),
]


def delivery(
    announced: int | None, named: int, confirmed: int, reported: int, disputed: int
) -> Mapping:
    return {
        "announcement": {"qualifier": "about"},
        "announced": announced,
        "named": named,
        "confirmed": confirmed,
        "reported": reported,
        "disputed": disputed,
        "citation": CITATION,
    }


def grouped(groups: Mapping[str | None, tuple[int, int, int]], labelled: bool = False) -> Mapping:
    names = ("confirmed", "reported", "disputed")
    rows = [
        {
            "value": value,
            "label": SOURCES.get(value or "") if labelled else None,
            **dict(zip(names, figures, strict=True)),
        }
        for value, figures in groups.items()
    ]
    return {**{n: sum(row[n] for row in rows) for n in names}, "groups": rows, "citation": CITATION}


def drawn_timeline(figures: Sequence[tuple[int, int]], step: timedelta = DAY) -> Callable:
    return lambda style: timeline.draw(over_time(figures, step), "hora de Caracas", style)


def drawn_groups(group_by: str, groups: Mapping, labelled: bool = False) -> Callable:
    return lambda style: bars.draw_groups(grouped(groups, labelled), group_by, style)


CHARTS: Mapping[str, Callable[[Style], Drawing]] = {
    "timeline": drawn_timeline(at_random(120)),
    "timeline of hours": drawn_timeline(at_random(20), timedelta(hours=1)),
    "timeline of minutes": drawn_timeline([(1, 2)], timedelta(minutes=7)),
    "timeline of nothing": drawn_timeline([(0, 0)] * 5),
    "timeline of one moment": drawn_timeline([(3, 5)]),
    "timeline of equal figures": drawn_timeline([(7, 7)] * 30),
    "timeline of large figures": drawn_timeline([(i * 3456, 1_234_567 - i) for i in range(1000)]),
    "timeline of centuries": drawn_timeline(at_random(9), timedelta(days=36_525)),
    "timeline without items": drawn_timeline([]),
    "claims": lambda style: bars.draw_claims(CLAIMS, SOURCES, "America/Caracas", style),
    "many claims": lambda style: bars.draw_claims(CLAIMS * 9, SOURCES, "Asia/Tokyo", style),
    "no claims": lambda style: bars.draw_claims([], SOURCES, "UTC", style),
    "delivery": lambda style: bars.draw_delivery(delivery(116, 73, 41, 9, 1), style),
    "delivery beyond": lambda style: bars.draw_delivery(delivery(2, 1_234_567, 5, 0, 0), style),
    "no delivery": lambda style: bars.draw_delivery(delivery(None, 0, 0, 0, 0), style),
    "facilities": drawn_groups(
        "facility_id",
        {"ngo": (4, 2, 1), "long": (14, 3, 0), "odd": (0, 0, 1), None: (3, 9, 0)},
        True,
    ),
    "nationalities": drawn_groups("nationality", {"VE": (9, 1, 0), "CO": (1200, 0, 7)}),
    "days": drawn_groups("occurred_on", {f"2026-01-{d:02}": (d, 1, 0) for d in range(1, 30)}),
    "ages": drawn_groups("age_group", {"adult": (1, 0, 0), "minor": (0, 1, 0)}),
    "sexes": drawn_groups("sex", {"female": (1, 0, 0), "male": (2, 0, 0), None: (0, 0, 5)}),
    "kinds": drawn_groups(
        "release_kind", dict.fromkeys(("full", "conditional", "house_arrest", "exile"), (1, 1, 1))
    ),
    "no groups": drawn_groups("sex", {}),
}
