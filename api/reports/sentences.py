"""The ready-made sentence of a citation, in English and in Spanish, as a newsroom prints it.

Pure. A number of confirmed releases is a lower bound and is said as one, what a number was
narrowed to is said beside it, and nobody who was held is named.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

Sentence = dict[str, str]
"""By language: `en` and `es`."""

Scope = Mapping[str, str]
"""What a count was narrowed to: filters of counts and their values, by those names in SCOPE. A
facility stands by its name, an announcement by the name of who made it, a day as 2026-01-08."""

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

# Not strftime's, which follow the locale of the host.
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

# One and several of what a claim of each kind counts.
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

# By sex and age group. In Spanish always `personas`, with which all that follows agrees.
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


def counts(as_of: datetime, zone: str, confirmed: int, min_sources: int, scope: Scope) -> Sentence:
    (at_en, at_es), (only_en, only_es) = _as_of(as_of, zone), _only(scope)
    (n_en, n_es), (by_en, by_es) = _number(confirmed), _by(min_sources)
    en, es = _form(
        confirmed,
        (f"no release{only_en} was", f"ninguna excarcelación{only_es} estaba confirmada"),
        (
            f"at least 1 release{only_en} was",
            f"al menos 1 excarcelación{only_es} estaba confirmada",
        ),
        (
            f"at least {n_en} releases{only_en} were",
            f"al menos {n_es} excarcelaciones{only_es} estaban confirmadas",
        ),
    )
    return {"en": f"{at_en}, {en} confirmed {by_en}.", "es": f"{at_es}, {es} {by_es}."}


def timeline(
    first: datetime,
    last: datetime,
    zone: str,
    before: int,
    after: int,
    min_sources: int,
    scope: Scope,
) -> Sentence:
    place, (start, end) = _local(zone, first, last)
    (start_en, start_es), (end_en, end_es) = _moment(start), _moment(end)
    (only_en, only_es), (by_en, by_es) = _only(scope), _by(min_sources)
    (before_en, before_es), (after_en, after_es) = _number(before), _number(after)
    if before == after:
        en, es = f"was {after_en} at both moments", f"era {after_es} en ambos momentos"
    else:
        en = f"went from {before_en} to {after_en}"
        es = f"pasó de {before_es} a {after_es}"
    return {
        "en": f"Between {start_en} and {end_en} ({place}), "
        f"the number of releases{only_en} confirmed {by_en} {en}.",
        "es": f"Entre el {start_es}, y el {end_es} ({place}), "
        f"el número de excarcelaciones{only_es} confirmadas {by_es} {es}.",
    }


def verification(
    as_of: datetime,
    zone: str,
    status: str,
    independent_sources: int,
    independent_denials: int,
    min_sources: int,
) -> Sentence:
    """What is said of one release. How many sources were required is said unless it is two."""
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
        words_en, words_es = _words(independent_sources, independent_denials)
        en, es = f"{status_en}: {words_en}", f"{status_es}: {words_es}"
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
) -> Sentence:
    """A source's figure; beside it what was confirmed, if it speaks of releases that took place.
    Those are not said to be among the ones that it counted: it names nobody."""
    at_en, at_es = _as_of(as_of, zone)
    claimed_en, claimed_es = _claimed(kind, value, qualifier, scope)
    en, es = f"{at_en}, {source} {claimed_en}", f"{at_es}, {source} {claimed_es}"
    if kind == "released":
        (n_en, n_es), (by_en, by_es) = _number(confirmed), _by(min_sources)
        confirmed_en, confirmed_es = _form(
            confirmed,
            ("no release was", "ninguna excarcelación estaba confirmada"),
            ("at least 1 release was", "al menos 1 excarcelación estaba confirmada"),
            (
                f"at least {n_en} releases were",
                f"al menos {n_es} excarcelaciones estaban confirmadas",
            ),
        )
        en, es = f"{en}; {confirmed_en} confirmed {by_en}", f"{es}; {confirmed_es} {by_es}"
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
    """Who is named is said of the record: names have no moment of publication of their own."""
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
    """What a time zone is called, and the moments in it."""
    try:
        return _place(zone), [moment.astimezone(ZoneInfo(zone)) for moment in moments]
    except OverflowError:  # The local year is not among those that a datetime can have.
        return "UTC", [moment.astimezone(UTC) for moment in moments]


def _place(zone: str) -> str:
    name = zone.rpartition("/")[2].replace("_", " ")
    if name.startswith("GMT"):
        # Etc/GMT+4 is four hours behind Greenwich, as in POSIX; no reader takes it so.
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
    # The RAE groups digits by a space, and leaves numbers of four together.
    return en, en.replace(",", "\N{NO-BREAK SPACE}") if number >= 10_000 else str(number)


def _form(number: int, none: _Pair, one: _Pair, several: _Pair) -> _Pair:
    return (none, one, several)[min(number, 2)]


def _by(min_sources: int) -> _Pair:
    if min_sources == 1:
        return "by at least one source", "por al menos una fuente"
    en, es = _REQUIRED[min_sources]
    return f"by {en} or more independent sources", f"por {es} o más fuentes independientes"


def _words(independent_sources: int, independent_denials: int) -> _Pair:
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
    """Each denial raises the bar by one, so beside denials the number is that of a margin."""
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
    """What a source did: the verb and its figure."""
    (one_en, one_es), (many_en, many_es) = _CLAIMED[kind]
    only_en, only_es = _only(scope, of_releases=kind in ("announced", "released"))
    if kind == "announced":
        verb_en, verb_es = "had announced", "había anunciado"
    elif value is None:
        verb_en, verb_es = "spoke of", "hablaba de"
    else:
        verb_en, verb_es = "counted", "contaba"
    if value is None:
        return (
            f"{verb_en} {many_en}{only_en} without giving a figure",
            f"{verb_es} {many_es}{only_es} sin dar una cifra",
        )
    if value == 0 and qualifier in ("exact", "at_most", "unspecified"):
        return f"{verb_en} no {one_en}{only_en}", f"no {verb_es} ninguna {one_es}{only_es}"
    (n_en, n_es), (about_en, about_es) = _number(value), _QUALIFIER[qualifier]
    what_en, what_es = (one_en, one_es) if value == 1 else (many_en, many_es)
    return (
        f"{verb_en} {about_en}{n_en} {what_en}{only_en}",
        f"{verb_es} {about_es}{n_es} {what_es}{only_es}",
    )


def _only(scope: Scope, of_releases: bool = True) -> _Pair:
    """Whom a count was narrowed to, as one description: a list could be taken for several groups.
    Its order is that of the language, so a scope has one wording."""
    if not scope:
        return "", ""
    if unsaid := scope.keys() - SCOPE:
        raise ValueError(f"There are no words for {sorted(unsaid)}.")
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
    if how := _how(scope, of_releases):
        verb_en, verb_es = (
            ("released", "excarceladas") if of_releases else ("detained", "detenidas")
        )
        en.append(" ".join([verb_en, *(words for words, _ in how)]))
        es.append(" ".join([verb_es, *(words for _, words in how)]))
    people_en = f"{people} {', '.join(en)}" if en else people
    people_es = f"{personas} {', '.join(es)}" if es else personas
    return f" (counting only {people_en})", f" (contando solo {people_es})"


def _how(scope: Scope, of_releases: bool) -> list[_Pair]:
    """Where, of what kind, when, and as part of what."""
    how = []
    if "facility" in scope:
        from_en, from_es = ("from", "de") if of_releases else ("at", "en")
        how.append((f"{from_en} {scope['facility']}", f"{from_es} {scope['facility']}"))
    if "release_kind" in scope:
        how.append(_RELEASE_KIND[scope["release_kind"]])
    first, last = (
        day(date.fromisoformat(scope[name])) if name in scope else None
        for name in ("occurred_from", "occurred_until")
    )
    if first and last:
        if first == last:
            how.append((f"on {first[0]}", f"el {first[1]}"))
        else:
            how.append((f"from {first[0]} to {last[0]}", f"del {first[1]} al {last[1]}"))
    elif first:
        how.append((f"on {first[0]} or later", f"el {first[1]} o después"))
    elif last:
        how.append((f"on {last[0]} or earlier", f"el {last[1]} o antes"))
    if "announcement" in scope:
        who = scope["announcement"]
        how.append((f"as part of what {who} announced", f"como parte de lo que anunció {who}"))
    return how
