"""Words for print in English and in Spanish: days, times, numbers, places, filters, reasons.

Days, times, and the names of countries and cities are those of the CLDR (by Babel), which has no
adjectives of countries. Its separators of digits are used from 1,000 on in both languages: in
Spanish, the CLDR writes four digits without one, which Babel does not follow.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers

Words = tuple[str, str]
"""The same in English and in Spanish, in this order."""

Scope = Mapping[str, str]
"""The filters of a count, by the names in SCOPE.

A facility is given by its name, an announcement by the name of its source or of who vouches for
that, a day as 2026-01-08.
"""

SCOPE = frozenset(
    {
        "facility",
        "country",
        "nationality",
        "age_group",
        "sex",
        "release_kind",
        "announcement",
        "confidential_announcement",
        "occurred_from",
        "occurred_until",
    }
)

_ALWAYS_RECORDED = {"occurred_from", "occurred_until"}
"""The filters by a value that no release event is without."""

PSEUDONYM = re.compile(r"Person ([0-9A-HJKMNP-TV-Z]{6})")
"""The name by which the public knows a hidden person. No other name has this form."""

# British English has the order of days and the clock of this service's contract. Both kinds of
# Spanish that a Venezuelan reader meets write digits as `es` does; only `es` has a 24-hour clock.
LOCALES = (Locale("en", "GB"), Locale("es"))

_NUMBERS: tuple[Words, ...] = (
    ("one", "una"),
    ("two", "dos"),
    ("three", "tres"),
    ("four", "cuatro"),
    ("five", "cinco"),
    ("six", "seis"),
    ("seven", "siete"),
    ("eight", "ocho"),
    ("nine", "nueve"),
)

# The adjectives, in Spanish as they agree with `nacionalidad`.
_ADJECTIVES: Mapping[str, Words] = {
    "AR": ("Argentine", "argentina"),
    "BO": ("Bolivian", "boliviana"),
    "BR": ("Brazilian", "brasileña"),
    "CL": ("Chilean", "chilena"),
    "CO": ("Colombian", "colombiana"),
    "CR": ("Costa Rican", "costarricense"),
    "CU": ("Cuban", "cubana"),
    "DO": ("Dominican", "dominicana"),
    "EC": ("Ecuadorian", "ecuatoriana"),
    "ES": ("Spanish", "española"),
    "GT": ("Guatemalan", "guatemalteca"),
    "HN": ("Honduran", "hondureña"),
    "HT": ("Haitian", "haitiana"),
    "IT": ("Italian", "italiana"),
    "MX": ("Mexican", "mexicana"),
    "NI": ("Nicaraguan", "nicaragüense"),
    "PA": ("Panamanian", "panameña"),
    "PE": ("Peruvian", "peruana"),
    "PT": ("Portuguese", "portuguesa"),
    "PY": ("Paraguayan", "paraguaya"),
    "SV": ("Salvadoran", "salvadoreña"),
    "US": ("United States", "estadounidense"),
    "UY": ("Uruguayan", "uruguaya"),
    "VE": ("Venezuelan", "venezolana"),
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

_RELEASE_KIND: Mapping[str, Words] = {
    "full": ("with full freedom", "con libertad plena"),
    "conditional": ("under precautionary measures", "con medidas cautelares"),
    "house_arrest": ("to house arrest", "con arresto domiciliario"),
    "exile": ("into exile", "con salida al exilio"),
    "unknown": ("in an unspecified manner", "de modo no especificado"),
}

# What ended a confirmation, by resource and action. The braces are a source.
_REASONS: Mapping[tuple[str, str], Words] = {
    ("attestation", "retracted"): ("{} retracted its statement", "{} retiró su declaración"),
    ("attestation", "voided"): (
        "a statement of {} had been recorded by mistake",
        "una declaración de {} se había registrado por error",
    ),
    ("affiliation", "affiliated"): (
        "an affiliation of {} was recorded",
        "se registró un vínculo de {}",
    ),
    ("affiliation", "updated"): (
        "an affiliation of {} was corrected",
        "se corrigió un vínculo de {}",
    ),
    ("affiliation", "voided"): (
        "an affiliation of {} had been recorded by mistake",
        "un vínculo de {} se había registrado por error",
    ),
    ("affiliation", "undone"): (
        "an affiliation of {} had not been recorded by mistake after all",
        "el registro de un vínculo de {} resultó no ser un error",
    ),
    ("release_event", "voided"): (
        "a release had been recorded by mistake",
        "una excarcelación se había registrado por error",
    ),
    ("merge", "merged"): ("two records were merged", "se fusionaron dos registros"),
}
# Of an attestation that speaks against the release, by action. One that speaks for it can end a
# confirmation too: it may show that two sources rest on one. There are no words for that.
_DENIALS: Mapping[str, Words] = {
    "published": ("{} denied it", "{} la desmintió"),
    "recorded": ("a denial by {} was recorded", "se registró un desmentido de {}"),
}


class Cause(NamedTuple):
    """What was published or recorded, of which resource, and by which source.

    `effect` is that of an attestation: 1 for the release, -1 against it. It `is_confidential` if it
    is by a source for which this one vouches.
    """

    resource: str
    action: str
    source: str | None
    effect: int = 0
    is_confidential: bool = False


def nationality(code: str) -> Words:
    """Return a nationality in words, by the ISO 3166-1 code of its country."""
    if code in _ADJECTIVES:
        en, es = _ADJECTIVES[code]
        return f"of {en} nationality", f"de nacionalidad {es}"
    en, es = country(code)
    return f"with the nationality of {en}", f"con nacionalidad de {es}"


def country(code: str) -> Words:
    """Return the name of a country, or its code if it has no name."""
    en, es = (locale.territories.get(code, code) for locale in LOCALES)
    return en, es


def number(value: int) -> Words:
    """Return a number of feminine things: from one to nine in words, otherwise in digits."""
    return _NUMBERS[value - 1] if 1 <= value <= len(_NUMBERS) else digits(value)


def speaker(source: str, *, is_confidential: bool) -> Words:
    """Return whose statement it is: that of a source, or of one for whom the source vouches."""
    if is_confidential:
        return f"a confidential source of {source}", f"una fuente confidencial de {source}"
    return source, source


@lru_cache
def digits(value: int) -> Words:
    """Return a number in digits."""
    en, es = (numbers.format_decimal(value, locale=locale) for locale in LOCALES)
    return en, es


def form(value: int, zero: Words, singular: Words, plural: Words) -> Words:
    """The form that agrees with a number."""
    return (zero, singular, plural)[min(value, 2)]


def person(name: str) -> Words:
    """Return the name of a person: a pseudonym has a word of each language."""
    pseudonym = PSEUDONYM.fullmatch(name)
    return name, f"Persona {pseudonym[1]}" if pseudonym else name


# Babel takes 40 µs for a day and 60 µs for a time. A page of 200 comparisons has 400 moments.
@lru_cache(1024)
def day(value: date) -> Words:
    """Return a day: `9 January 2026`, `9 de enero de 2026`."""
    en, es = (dates.format_date(value, "long", locale) for locale in LOCALES)
    return en, es


def moment(local: datetime) -> Words:
    """Return a moment: `9 January 2026, 16:00`, `las 16:00 del 9 de enero de 2026`.

    The last moment of a day is its end.
    """
    if local.time() == time.max:
        day_en, day_es = day(local.date())
        return f"the end of {day_en}", f"el final del {day_es}"
    return _second(local.replace(microsecond=0))


@lru_cache(1024)
def _second(local: datetime) -> Words:
    """Return the words of `moment`. No two counts of now have the same fraction of a second."""
    day_en, day_es = day(local.date())
    style = "medium" if local.second else "short"
    en, es = (dates.format_time(local, style, locale=locale) for locale in LOCALES)
    article = "la" if local.hour == 1 else "las"
    return f"{day_en}, {en}", f"{article} {es} del {day_es}"


@lru_cache(1024)
def short_moment(local: datetime) -> Words:
    """Return a moment for a table: `9 Jan 2026, 16:00`, `9 ene 2026, 16:00`."""
    en, es = (
        ", ".join(
            [
                dates.format_date(local, "medium", locale),
                dates.format_time(local, "short", locale=locale),
            ]
        )
        for locale in LOCALES
    )
    return en, es


@lru_cache(1024)
def partial_day(value: str) -> Words:
    """Return a day, a month or a year: `9 February 2024`, `February 2024`, `2024`."""
    if len(value) == len("2024"):
        return value, value
    if len(value) == len("2024-02"):
        first = date.fromisoformat(f"{value}-01")
        en, es = (dates.format_skeleton("yMMMM", first, locale=locale) for locale in LOCALES)
        return en, es
    return day(date.fromisoformat(value))


def local(zone: str, *moments: datetime) -> tuple[Words, list[datetime]]:
    """Return the words for a time zone, and the moments in it."""
    try:
        return _time_of(zone), [_local(moment, ZoneInfo(zone)) for moment in moments]
    except OverflowError:  # The local year is outside the range of datetime.
        return _time_of("UTC"), [_local(moment, UTC) for moment in moments]


def _local(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


@lru_cache
def _time_of(zone: str) -> Words:
    en, es = (
        dates.get_timezone_location(zone, locale=locale, return_city=True) for locale in LOCALES
    )
    if not en.isupper():
        return f"{en} time", f"hora de {es}"
    # UTC, GMT or a similar name. As in POSIX, Etc/GMT+4 is four hours behind Greenwich. Readers
    # expect the other sign.
    name = zone.rpartition("/")[2]
    return (name.translate({ord("+"): "-", ord("-"): "+"}),) * 2


def filters(scope: Scope, of_releases: bool = True) -> Words:
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
        nationality_en, nationality_es = nationality(scope["nationality"])
        en.append(nationality_en)
        es.append(nationality_es)
    if details := _details(scope, of_releases):
        verb_en, verb_es = (
            ("released", "excarceladas") if of_releases else ("detained", "detenidas")
        )
        en.append(" ".join([verb_en, *(words for words, _ in details)]))
        es.append(" ".join([verb_es, *(words for _, words in details)]))
    people_en = f"{people} {', '.join(en)}" if en else people
    people_es = f"{personas} {', '.join(es)}" if es else personas
    return f" (counting only {people_en})", f" (contando solo {people_es})"


def others_may_match(scope: Scope, undisclosed: int) -> bool:
    """Return whether people who are not counted may match: those whose value is not disclosed, or
    not recorded."""
    return undisclosed > 0 or not scope.keys() <= _ALWAYS_RECORDED


def _details(scope: Scope, of_releases: bool) -> list[Words]:
    """The facility, its country, the kind of release, the days and the announcement."""
    details = []
    if "facility" in scope or "country" in scope:
        from_en, from_es = ("from", "de") if of_releases else ("at", "en")
        en = scope.get("facility", "a facility")
        es = scope.get("facility", "un centro de reclusión")
        if "country" in scope:
            country_en, country_es = country(scope["country"])
            en, es = f"{en} in {country_en}", f"{es} en {country_es}"
        details.append((f"{from_en} {en}", f"{from_es} {es}"))
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
    for name, is_confidential in (("announcement", False), ("confidential_announcement", True)):
        if name in scope:
            en, es = speaker(scope[name], is_confidential=is_confidential)
            details.append(
                (f"as part of what {en} announced", f"como parte de lo que anunció {es}")
            )
    return details


def sources_and_denials(independent_sources: int, independent_denials: int) -> Words:
    """How many independent sources attest to a release and how many deny it."""
    n_en, n_es = number(independent_sources)
    for_en, for_es = form(
        independent_sources,
        ("no independent source attests to it", "ninguna fuente independiente la respalda"),
        (f"{n_en} independent source attests to it", f"la respalda {n_es} fuente independiente"),
        (
            f"{n_en} independent sources attest to it",
            f"la respaldan {n_es} fuentes independientes",
        ),
    )
    n_en, n_es = number(independent_denials)
    against_en, against_es = form(
        independent_denials,
        ("none denies it", "ninguna la desmiente"),
        (f"{n_en} denies it", f"{n_es} la desmiente"),
        (f"{n_en} deny it", f"{n_es} la desmienten"),
    )
    return f"{for_en} and {against_en}", f"{for_es} y {against_es}"


def reasons(causes: Sequence[Cause]) -> Words:
    """Return what ended confirmations, each cause for which there are words once."""
    words = dict.fromkeys(
        (en.format(source_en), es.format(source_es))
        for cause in causes
        for en, es in [_reason(cause)]
        for source_en, source_es in [
            speaker(cause.source or "", is_confidential=cause.is_confidential)
        ]
        if en
    )
    if not words:
        return "", ""
    return f": {'; '.join(en for en, _ in words)}", f": {'; '.join(es for _, es in words)}"


def _reason(cause: Cause) -> Words:
    nothing = ("", "")
    if cause.resource == "attestation" and cause.action in _DENIALS:
        return _DENIALS[cause.action] if cause.effect < 0 else nothing
    return _REASONS.get((cause.resource, cause.action), nothing)
