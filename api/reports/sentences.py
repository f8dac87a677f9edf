"""The sentence of a citation, in English and in Spanish, ready for print.

Pure. A sentence states a number of confirmed releases as a lower bound, together with the filters
of the number, and names no detainee.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

Sentence = dict[str, str]
"""By language: `en` and `es`."""

Scope = Mapping[str, str]
"""The filters of a count, by the names in SCOPE.

A facility is given by its name, an announcement by the name of its source, a day as 2026-01-08.
"""

SCOPE = frozenset(
    {
        "facility",
        "nationality",
        "age_group",
        "sex",
        "release_kind",
        "announcement",
        "occurred_from",
        "occurred_until",
    }
)

# English and Spanish, in this order everywhere below.
_Pair = tuple[str, str]

# Not from strftime, which depends on the locale of the host.
_MONTHS: tuple[_Pair, ...] = (
    ("January", "enero"),
    ("February", "febrero"),
    ("March", "marzo"),
    ("April", "abril"),
    ("May", "mayo"),
    ("June", "junio"),
    ("July", "julio"),
    ("August", "agosto"),
    ("September", "septiembre"),
    ("October", "octubre"),
    ("November", "noviembre"),
    ("December", "diciembre"),
)

_REQUIRED: Mapping[int, _Pair] = {
    1: ("one", "una"),
    2: ("two", "dos"),
    3: ("three", "tres"),
    4: ("four", "cuatro"),
    5: ("five", "cinco"),
}

_STATUS: Mapping[str, _Pair] = {
    "confirmed": ("was confirmed", "estaba confirmada"),
    "disputed": ("was disputed", "estaba en disputa"),
    "refuted": ("was refuted", "estaba desmentida"),
}

# What a claim of each kind counts: singular and plural.
_CLAIMED: Mapping[str, tuple[_Pair, _Pair]] = {
    "announced": (("release", "excarcelación"), ("releases", "excarcelaciones")),
    "released": (("release", "excarcelación"), ("releases", "excarcelaciones")),
    "detained": (
        ("person detained", "persona detenida"),
        ("people detained", "personas detenidas"),
    ),
    "whereabouts_unknown": (
        ("person of unknown whereabouts", "persona en paradero desconocido"),
        ("people of unknown whereabouts", "personas en paradero desconocido"),
    ),
}

_QUALIFIER: Mapping[str, _Pair] = {
    "exact": ("", ""),
    "at_least": ("at least ", "al menos "),
    "at_most": ("at most ", "como máximo "),
    "about": ("about ", "alrededor de "),
    "unspecified": ("", ""),
}

# By sex and age group. In Spanish always `personas`, so that the gender of the rest is fixed.
_PEOPLE: Mapping[tuple[str | None, str | None], str] = {
    (None, None): "people",
    (None, "adult"): "adults",
    (None, "minor"): "minors",
    ("female", None): "women and girls",
    ("female", "adult"): "women",
    ("female", "minor"): "girls",
    ("male", None): "men and boys",
    ("male", "adult"): "men",
    ("male", "minor"): "boys",
}
_PERSONAS: Mapping[str | None, str] = {
    None: "personas",
    "adult": "personas adultas",
    "minor": "personas menores de edad",
}
_SEXO = {
    "female": "de sexo femenino",
    "male": "de sexo masculino",
    "other": "de sexo distinto del femenino y del masculino",
}

_RELEASE_KIND: Mapping[str, _Pair] = {
    "full": ("with full freedom", "con libertad plena"),
    "conditional": ("under precautionary measures", "con medidas cautelares"),
    "house_arrest": ("to house arrest", "con arresto domiciliario"),
    "exile": ("into exile", "con salida al exilio"),
    "unknown": ("in an unspecified manner", "de modo no especificado"),
}


def counts(
    as_of: datetime,
    zone: str,
    confirmed: int,
    min_sources: int,
    scope: Scope,
    *,
    rearrested: int = 0,
    undisclosed: int = 0,
) -> Sentence:
    """The number of confirmed releases at a moment, and of the people detained again since.

    `undisclosed` people may match the scope; the public may not know.
    """
    (at_en, at_es), (only_en, only_es) = _as_of(as_of, zone), _only(scope)
    (by_en, by_es), (more_en, more_es) = _by(min_sources), _further(undisclosed)
    en, es = _confirmed(confirmed, undisclosed, only_en, only_es)
    again_en, again_es = _rearrested(rearrested)
    return {
        "en": f"{at_en}, {en} confirmed {by_en}{again_en}{more_en}.",
        "es": f"{at_es}, {es} {by_es}{again_es}{more_es}.",
    }


def timeline(
    first: datetime,
    last: datetime,
    zone: str,
    before: int,
    after: int,
    min_sources: int,
    scope: Scope,
    *,
    undisclosed: tuple[int, int] = (0, 0),
) -> Sentence:
    """The number of confirmed releases at the start and at the end of a timeline.

    `undisclosed` has the people at the start and at the end who may match the scope.
    """
    place, (start, end) = _local(zone, first, last)
    (start_en, start_es), (end_en, end_es) = _moment(start), _moment(end)
    (only_en, only_es), (by_en, by_es) = _only(scope), _by(min_sources)
    (before_en, before_es) = _at_least(before, undisclosed[0])
    (after_en, after_es) = _at_least(after, undisclosed[1])
    more_en, more_es = _further(undisclosed[1] or undisclosed[0])
    if (before_en, before_es) == (after_en, after_es):
        en, es = f"was {after_en} at both moments", f"era {after_es} en ambos momentos"
    else:
        en = f"went from {before_en} to {after_en}"
        es = f"pasó de {before_es} a {after_es}"
    return {
        "en": f"Between {start_en} and {end_en} ({place}), "
        f"the number of releases{only_en} confirmed {by_en} {en}{more_en}.",
        "es": f"Entre el {start_es}, y el {end_es} ({place}), "
        f"el número de excarcelaciones{only_es} confirmadas {by_es} {es}{more_es}.",
    }


def verification(
    as_of: datetime,
    zone: str,
    status: str,
    independent_sources: int,
    independent_denials: int,
    min_sources: int,
) -> Sentence:
    """The status of one release, and the number of sources required unless it is two."""
    at_en, at_es = _as_of(as_of, zone)
    if status == "reported":
        n_en, n_es = _number(independent_sources)
        if independent_sources == 1:
            by_en, by_es = "1 independent source", "1 fuente independiente"
        else:
            by_en, by_es = f"{n_en} independent sources", f"{n_es} fuentes independientes"
        en = f"was reported by {by_en} but not confirmed"
        es = f"estaba reportada por {by_es}, pero no confirmada"
    elif status == "unverified":
        en = "was not verified: no independent source attests to it"
        es = "no estaba verificada: ninguna fuente independiente la atestigua"
    else:
        status_en, status_es = _STATUS[status]
        reasons_en, reasons_es = _sources_and_denials(independent_sources, independent_denials)
        en, es = f"{status_en}: {reasons_en}", f"{status_es}: {reasons_es}"
    required_en, required_es = _required(min_sources, independent_denials)
    return {
        "en": f"{at_en}, this release {en}{required_en}.",
        "es": f"{at_es}, esta excarcelación {es}{required_es}.",
    }


def comparison(
    as_of: datetime,
    zone: str,
    source: str,
    kind: str,
    value: int | None,
    qualifier: str,
    was_retracted: bool,
    confirmed: int,
    min_sources: int,
    scope: Scope,
    *,
    undisclosed: int = 0,
) -> Sentence:
    """The figure of a source and, if it counts releases, the confirmed number.

    The confirmed releases are not called a part of the figure: a claim names nobody.
    """
    at_en, at_es = _as_of(as_of, zone)
    claimed_en, claimed_es = _claimed(kind, value, qualifier, scope)
    en, es = f"{at_en}, {source} {claimed_en}", f"{at_es}, {source} {claimed_es}"
    if kind == "released":
        (by_en, by_es), (more_en, more_es) = _by(min_sources), _further(undisclosed)
        confirmed_en, confirmed_es = _confirmed(confirmed, undisclosed)
        en = f"{en}; {confirmed_en} confirmed {by_en}{more_en}"
        es = f"{es}; {confirmed_es} {by_es}{more_es}"
    if was_retracted:
        en, es = (
            f"{en}; {source} later took its figure back",
            f"{es}; {source} retiró después su cifra",
        )
    return {"en": f"{en}.", "es": f"{es}."}


def delivery(
    as_of: datetime,
    zone: str,
    announced: int | None,
    qualifier: str,
    was_retracted: bool,
    named: int,
    confirmed: int,
    min_sources: int,
) -> Sentence:
    """An announcement, and how many of the people recorded as part of it are confirmed.

    The people are those whom "this record names", since names have no publication time.
    """
    (at_en, at_es), (by_en, by_es) = _as_of(as_of, zone), _by(min_sources)
    if announced is None:
        announced_en = "releases had been announced without a figure"
        announced_es = "se habían anunciado excarcelaciones sin dar una cifra"
    else:
        (n_en, n_es), (about_en, about_es) = _number(announced), _QUALIFIER[qualifier]
        announced_en, announced_es = _form(
            announced,
            ("no release had been announced", "no se había anunciado ninguna excarcelación"),
            (
                f"{about_en}1 release had been announced",
                f"se había anunciado {about_es}1 excarcelación",
            ),
            (
                f"{about_en}{n_en} releases had been announced",
                f"se habían anunciado {about_es}{n_es} excarcelaciones",
            ),
        )
    if was_retracted:
        announced_en += ", which was later taken back"
        announced_es += ", lo que después se retiró"
    if not named:
        return {
            "en": f"{at_en}, {announced_en}; this record names nobody.",
            "es": f"{at_es}, {announced_es}; este registro no nombra a nadie.",
        }
    n_en, n_es = _number(named)
    named_en, named_es = _form(
        named,
        ("", ""),
        ("the 1 person", "la 1 persona"),
        (f"the {n_en} people", f"las {n_es} personas"),
    )
    n_en, n_es = _number(confirmed)
    confirmed_en, confirmed_es = _form(
        confirmed,
        ("none was", "ninguna tenía confirmada"),
        ("at least 1 was", "al menos 1 tenía confirmada"),
        (f"at least {n_en} were", f"al menos {n_es} tenían confirmada"),
    )
    return {
        "en": f"{at_en}, {announced_en}; of {named_en} whom this record names, "
        f"{confirmed_en} confirmed as released {by_en}.",
        "es": f"{at_es}, {announced_es}; de {named_es} que este registro nombra, "
        f"{confirmed_es} su excarcelación {by_es}.",
    }


def _as_of(moment: datetime, zone: str) -> _Pair:
    place, (local,) = _local(zone, moment)
    en, es = _moment(local)
    return f"As of {en} ({place})", f"Al {es} ({place})"


def _local(zone: str, *moments: datetime) -> tuple[str, list[datetime]]:
    """The name of a time zone, and the moments in it."""
    try:
        return _place(zone), [moment.astimezone(ZoneInfo(zone)) for moment in moments]
    except OverflowError:  # The local year is outside the range of datetime.
        return "UTC", [moment.astimezone(UTC) for moment in moments]


def _place(zone: str) -> str:
    name = zone.rpartition("/")[2].replace("_", " ")
    if name.startswith("GMT"):
        # As in POSIX, Etc/GMT+4 is four hours behind Greenwich. Readers expect the other sign.
        return name.translate({ord("+"): "-", ord("-"): "+"})
    return name


def _moment(local: datetime) -> _Pair:
    en, es = day(local)
    clock = f"{local.hour:02}:{local.minute:02}"
    if local.second:
        clock += f":{local.second:02}"
    return f"{en}, {clock}", f"{es}, {clock}"


def day(date_: date) -> _Pair:
    """A day in English and in Spanish."""
    en, es = _MONTHS[date_.month - 1]
    return f"{date_.day} {en} {date_.year}", f"{date_.day} de {es} de {date_.year}"


def _number(number: int) -> _Pair:
    en = f"{number:,}"
    # The RAE separates groups of three digits by a space, except in numbers of four digits.
    return en, en.replace(",", "\N{NO-BREAK SPACE}") if number >= 10_000 else str(number)


def _form(number: int, zero: _Pair, singular: _Pair, plural: _Pair) -> _Pair:
    """The form that agrees with a number."""
    return (zero, singular, plural)[min(number, 2)]


def _confirmed(confirmed: int, undisclosed: int, only_en: str = "", only_es: str = "") -> _Pair:
    """The number of confirmed releases as a lower bound. "None" only if nobody is undisclosed."""
    n_en, n_es = _number(confirmed)
    plural = (
        f"at least {n_en} releases{only_en} were",
        f"al menos {n_es} excarcelaciones{only_es} estaban confirmadas",
    )
    return _form(
        confirmed,
        plural
        if undisclosed
        else (f"no release{only_en} was", f"ninguna excarcelación{only_es} estaba confirmada"),
        (
            f"at least 1 release{only_en} was",
            f"al menos 1 excarcelación{only_es} estaba confirmada",
        ),
        plural,
    )


def _rearrested(rearrested: int) -> _Pair:
    """The number of the released people of a sentence that were detained again."""
    n_en, n_es = _number(rearrested)
    return _form(
        rearrested,
        ("", ""),
        (
            "; 1 of the people released had been detained again",
            "; 1 de las personas excarceladas había sido detenida de nuevo",
        ),
        (
            f"; {n_en} of the people released had been detained again",
            f"; {n_es} de las personas excarceladas habían sido detenidas de nuevo",
        ),
    )


def _at_least(number: int, undisclosed: int) -> _Pair:
    en, es = _number(number)
    return (f"at least {en}", f"al menos {es}") if undisclosed else (en, es)


def _further(undisclosed: int) -> _Pair:
    """The people of whom the public may not know whether they match a scope."""
    n_en, n_es = _number(undisclosed)
    return _form(
        undisclosed,
        ("", ""),
        (
            "; 1 further person is counted only in the total",
            "; 1 persona más se cuenta solo en el total",
        ),
        (
            f"; {n_en} further people are counted only in the total",
            f"; {n_es} personas más se cuentan solo en el total",
        ),
    )


def _by(min_sources: int) -> _Pair:
    if min_sources == 1:
        return "by at least one source", "por al menos una fuente"
    en, es = _REQUIRED[min_sources]
    return f"by {en} or more independent sources", f"por {es} o más fuentes independientes"


def _sources_and_denials(independent_sources: int, independent_denials: int) -> _Pair:
    n_en, n_es = _number(independent_sources)
    for_en, for_es = _form(
        independent_sources,
        ("no independent source attests to it", "ninguna fuente independiente la atestigua"),
        ("1 independent source attests to it", "1 fuente independiente la atestigua"),
        (
            f"{n_en} independent sources attest to it",
            f"{n_es} fuentes independientes la atestiguan",
        ),
    )
    n_en, n_es = _number(independent_denials)
    against_en, against_es = _form(
        independent_denials,
        ("none denies it", "ninguna la niega"),
        ("1 denies it", "1 la niega"),
        (f"{n_en} deny it", f"{n_es} la niegan"),
    )
    return f"{for_en} and {against_en}", f"{for_es} y {against_es}"


def _required(min_sources: int, independent_denials: int) -> _Pair:
    """The required number of sources, unless it is two.

    With denials it is a margin, since each denial requires one more source.
    """
    if min_sources == 2:
        return "", ""
    en, es = _REQUIRED[min_sources]
    if independent_denials:
        source, fuente = ("source", "fuente") if min_sources == 1 else ("sources", "fuentes")
        return (
            f" (a margin of at least {en} {source} was required)",
            f" (se requería un margen de al menos {es} {fuente})",
        )
    if min_sources == 1:
        return " (at least one was required)", " (se requería al menos una)"
    return f" (at least {en} were required)", f" (se requerían al menos {es})"


def _claimed(kind: str, value: int | None, qualifier: str, scope: Scope) -> _Pair:
    """The predicate of a claim: a verb and the figure."""
    (singular_en, singular_es), (plural_en, plural_es) = _CLAIMED[kind]
    only_en, only_es = _only(scope, of_releases=kind in ("announced", "released"))
    if kind == "announced":
        verb_en, verb_es = "had announced", "había anunciado"
    elif value is None:
        verb_en, verb_es = "spoke of", "hablaba de"
    else:
        verb_en, verb_es = "counted", "contaba"
    if value is None:
        return (
            f"{verb_en} {plural_en}{only_en} without giving a figure",
            f"{verb_es} {plural_es}{only_es} sin dar una cifra",
        )
    if value == 0 and qualifier in ("exact", "at_most", "unspecified"):
        return (
            f"{verb_en} no {singular_en}{only_en}",
            f"no {verb_es} ninguna {singular_es}{only_es}",
        )
    (n_en, n_es), (about_en, about_es) = _number(value), _QUALIFIER[qualifier]
    noun_en, noun_es = (singular_en, singular_es) if value == 1 else (plural_en, plural_es)
    return (
        f"{verb_en} {about_en}{n_en} {noun_en}{only_en}",
        f"{verb_es} {about_es}{n_es} {noun_es}{only_es}",
    )


def _only(scope: Scope, of_releases: bool = True) -> _Pair:
    """The filters of a count as one description of people.

    A list could be read as several groups. The order of the words is fixed, so that equal filters
    give equal sentences.
    """
    if not scope:
        return "", ""
    if unknown := scope.keys() - SCOPE:
        raise ValueError(f"No wording for the filters {sorted(unknown)}.")
    sex, age = scope.get("sex"), scope.get("age_group")
    people = _PEOPLE[None if sex == "other" else sex, None if age == "unknown" else age]
    personas = _PERSONAS[None if age == "unknown" else age]
    en, es = [], []
    if age == "unknown":
        en.append("of unknown age")
        es.append("de edad desconocida")
    if sex == "other":
        en.append("of a sex other than female or male")
    if sex is not None:
        es.append(_SEXO[sex])
    if "nationality" in scope:
        en.append(f"of nationality {scope['nationality']}")
        es.append(f"de nacionalidad {scope['nationality']}")
    if details := _details(scope, of_releases):
        verb_en, verb_es = (
            ("released", "excarceladas") if of_releases else ("detained", "detenidas")
        )
        en.append(" ".join([verb_en, *(words for words, _ in details)]))
        es.append(" ".join([verb_es, *(words for _, words in details)]))
    people_en = f"{people} {', '.join(en)}" if en else people
    people_es = f"{personas} {', '.join(es)}" if es else personas
    return f" (counting only {people_en})", f" (contando solo {people_es})"


def _details(scope: Scope, of_releases: bool) -> list[_Pair]:
    """The facility, the kind of release, the days and the announcement."""
    details = []
    if "facility" in scope:
        from_en, from_es = ("from", "de") if of_releases else ("at", "en")
        details.append((f"{from_en} {scope['facility']}", f"{from_es} {scope['facility']}"))
    if "release_kind" in scope:
        details.append(_RELEASE_KIND[scope["release_kind"]])
    first, last = (
        day(date.fromisoformat(scope[name])) if name in scope else None
        for name in ("occurred_from", "occurred_until")
    )
    if first and last:
        if first == last:
            details.append((f"on {first[0]}", f"el {first[1]}"))
        else:
            details.append((f"from {first[0]} to {last[0]}", f"del {first[1]} al {last[1]}"))
    elif first:
        details.append((f"on {first[0]} or later", f"el {first[1]} o después"))
    elif last:
        details.append((f"on {last[0]} or earlier", f"el {last[1]} o antes"))
    if "announcement" in scope:
        source = scope["announcement"]
        details.append(
            (f"as part of what {source} announced", f"como parte de lo que anunció {source}")
        )
    return details
