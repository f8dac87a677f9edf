"""The sentence of a citation, in English and in Spanish, ready for print.

Pure. A sentence states a number of confirmed releases as a lower bound, together with the filters
of the number, and names no detainee. Where that is 0 and others may match, it
says that none is known, never that there is none.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from api.wording.vocabulary import (
    Cause,
    Scope,
    Words,
    digits,
    filters,
    form,
    local,
    moment,
    number,
    others_may_match,
    reasons,
    sources_and_denials,
    speaker,
)

Sentence = dict[str, str]
"""By language: `en` and `es`."""

_STATUS: Mapping[str, Words] = {
    "confirmed": ("was confirmed", "estaba confirmada"),
    "disputed": ("was disputed", "estaba en disputa"),
    "refuted": ("was refuted", "estaba desmentida"),
}

# What a claim of each kind counts: singular and plural.
_CLAIMED: Mapping[str, tuple[Words, Words]] = {
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

_QUALIFIER: Mapping[str, Words] = {
    "exact": ("", ""),
    "at_least": ("at least ", "al menos "),
    "at_most": ("at most ", "como máximo "),
    "about": ("about ", "alrededor de "),
    "unspecified": ("", ""),
}
_ZERO_IS_NONE = {"exact", "at_most", "unspecified"}


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
    (at_en, at_es), (by_en, by_es) = _as_of(as_of, zone), confirmed_by(min_sources)
    (again_en, again_es), (more_en, more_es) = _rearrested(rearrested), _further(undisclosed)
    en, es = _confirmed(confirmed, others_may_match(scope, undisclosed), filters(scope))
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
    rearrested: int = 0,
    undisclosed: tuple[int, int] = (0, 0),
) -> Sentence:
    """The number of confirmed releases at the start and at the end of a timeline.

    `rearrested` are the people detained again by the end. `undisclosed` has the people at the start
    and at the end who may match the scope.
    """
    (place_en, place_es), (start, end) = local(zone, first, last)
    (start_en, start_es), (end_en, end_es) = moment(start), moment(end)
    (only_en, only_es), (by_en, by_es) = filters(scope), confirmed_by(min_sources)
    confirmed_en, confirmed_es = "confirmed", "confirmadas"
    may_match = [others_may_match(scope, others) for others in undisclosed]
    if (before == 0 and may_match[0]) or (after == 0 and may_match[1]):
        confirmed_en, confirmed_es = "known to be confirmed", "que constaban como confirmadas"
        (before_en, before_es), (after_en, after_es) = digits(before), digits(after)
    else:
        before_en, before_es = _at_least(before, undisclosed[0])
        after_en, after_es = _at_least(after, undisclosed[1])
    again_en, again_es = _rearrested(rearrested)
    more_en, more_es = _further(undisclosed[1] or undisclosed[0])
    if (before_en, before_es) == (after_en, after_es):
        en, es = f"was {after_en} at both moments", f"era {after_es} en ambos momentos"
    else:
        en = f"went from {before_en} to {after_en}"
        es = f"pasó de {before_es} a {after_es}"
    return {
        "en": f"Between {start_en} and {end_en} ({place_en}), "
        f"the number of releases{only_en} {confirmed_en} {by_en} {en}{again_en}{more_en}.",
        "es": f"Entre {start_es} y {end_es} ({place_es}), "
        f"el número de excarcelaciones{only_es} {confirmed_es} {by_es} "
        f"{es}{again_es}{more_es}.",
    }


def differences(
    published: tuple[datetime, datetime],
    recorded: tuple[datetime, datetime],
    zone: str,
    became: int,
    ceased: int,
    min_sources: int,
    scope: Scope,
    causes: Sequence[Cause] = (),
    *,
    undisclosed: int = 0,
) -> Sentence:
    """How many releases became confirmed between two moments, and how many ceased to be, and why.

    The moments of record time are given if they differ.
    """
    (place_en, place_es), moments = local(zone, *published, *recorded)
    (from_en, from_es), (until_en, until_es), (first_en, first_es), (last_en, last_es) = map(
        moment, moments
    )
    when_en = f"Between {from_en} and {until_en} ({place_en})"
    when_es = f"Entre {from_es} y {until_es} ({place_es})"
    if published[0] == published[1]:
        when_en = f"By what was recorded between {first_en} and {last_en} ({place_en})"
        when_es = f"Según lo registrado entre {first_es} y {last_es} ({place_es})"
    elif recorded[0] != recorded[1]:
        when_en += f", with what was recorded by {first_en} and by {last_en}"
        when_es += f", con lo registrado hasta {first_es} y hasta {last_es}"
    (only_en, only_es), (by_en, by_es) = filters(scope), confirmed_by(min_sources)
    became_en, became_es = _became(became, others_may_match(scope, undisclosed), only_en, only_es)
    ceased_en, ceased_es = _ceased(ceased, others_may_match(scope, undisclosed), became)
    (why_en, why_es), (more_en, more_es) = reasons(causes), _further(undisclosed)
    return {
        "en": f"{when_en}, {became_en} confirmed {by_en} {ceased_en}{why_en}{more_en}.",
        "es": f"{when_es}, {became_es} {by_es} {ceased_es}{why_es}{more_es}.",
    }


def _became(became: int, is_least: bool, only_en: str, only_es: str) -> Words:
    n_en, n_es = _some(became, is_least)
    one_en, one_es = f"release{only_en} became", f"excarcelación{only_es} pasó a estar confirmada"
    if became == 0 and is_least:
        return (
            f"no release{only_en} is known to have become",
            f"no consta que ninguna excarcelación{only_es} pasara a estar confirmada",
        )
    if became == 0:
        return f"no {one_en}", f"ninguna {one_es}"
    if became == 1:
        return f"{n_en} {one_en}", f"{n_es} {one_es}"
    many_es = f"excarcelaciones{only_es} pasaron a estar confirmadas"
    return f"{n_en} releases{only_en} became", f"{n_es} {many_es}"


def _ceased(ceased: int, is_least: bool, became: int) -> Words:
    """The second half of a sentence whose first half says how many became confirmed."""
    if ceased == 0 and is_least:
        that_es = "y no consta que" if became else "ni que"
        return "and none is known to have ceased to be", f"{that_es} ninguna dejara de estarlo"
    if ceased == 0:
        return "and none ceased to be", "y ninguna dejó de estarlo"
    n_en, n_es = _some(ceased, is_least)
    verb_es = "dejó" if ceased == 1 else "dejaron"
    return f"and {n_en} ceased to be", f"y {n_es} {verb_es} de estarlo"


def _some(value: int, is_least: bool) -> Words:
    """A number, as a lower bound if others may match."""
    en, es = number(value)
    return (f"at least {en}", f"al menos {es}") if is_least else (en, es)


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
        (n_en, n_es), is_one = number(independent_sources), independent_sources == 1
        sources_en, sources_es = (
            ("source", "fuente independiente") if is_one else ("sources", "fuentes independientes")
        )
        en = f"was reported by {n_en} independent {sources_en} but not confirmed"
        es = f"estaba reportada por {n_es} {sources_es}, pero no confirmada"
    elif status == "unverified":
        en = "was not verified: no independent source attests to it"
        es = "no estaba verificada: ninguna fuente independiente la respalda"
    else:
        status_en, status_es = _STATUS[status]
        reasons_en, reasons_es = sources_and_denials(independent_sources, independent_denials)
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
    *,
    kind: str,
    value: int | None,
    qualifier: str,
    was_retracted: bool,
    confirmed: int,
    min_sources: int,
    scope: Scope,
    is_confidential: bool = False,
    undisclosed: int = 0,
) -> Sentence:
    """The figure of a source and, if it counts releases, the confirmed number.

    The confirmed releases are not called a part of the figure: a claim names nobody.
    """
    at_en, at_es = _as_of(as_of, zone)
    claimed_en, claimed_es = _claimed(kind, value, qualifier, scope)
    source_en, source_es = speaker(source, is_confidential=is_confidential)
    en, es = f"{at_en}, {source_en} {claimed_en}", f"{at_es}, {source_es} {claimed_es}"
    if kind == "released":
        (by_en, by_es), (more_en, more_es) = confirmed_by(min_sources), _further(undisclosed)
        confirmed_en, confirmed_es = _confirmed(confirmed, others_may_match(scope, undisclosed))
        en = f"{en}; {confirmed_en} confirmed {by_en}{more_en}"
        es = f"{es}; {confirmed_es} {by_es}{more_es}"
    if was_retracted:
        claim_en, claim_es = ("statement", "declaración") if value is None else ("figure", "cifra")
        en = f"{en}; {source_en} later retracted its {claim_en}"
        es = f"{es}; {source_es} retiró luego su {claim_es}"
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
    at_en, at_es = _as_of(as_of, zone)
    announced_en, announced_es = _announced(announced, qualifier)
    if was_retracted:
        announced_en += ", an announcement that was later retracted"
        announced_es += ", anuncio que luego fue retirado"
    named_en, named_es = _named(named, confirmed)
    by_en, by_es = confirmed_by(min_sources) if named else ("", "")
    return {
        "en": f"{at_en}, {announced_en}; {named_en}{by_en}.",
        "es": f"{at_es}, {announced_es}; {named_es}{by_es}.",
    }


def _announced(announced: int | None, qualifier: str) -> Words:
    if announced is None:
        return (
            "releases had been announced without a figure",
            "se habían anunciado excarcelaciones sin dar una cifra",
        )
    (n_en, n_es), (about_en, about_es) = number(announced), _QUALIFIER[qualifier]
    if announced == 0 and qualifier in _ZERO_IS_NONE:
        return "no release had been announced", "no se había anunciado ninguna excarcelación"
    if announced == 1:
        return (
            f"{about_en}{n_en} release had been announced",
            f"se había anunciado {about_es}{n_es} excarcelación",
        )
    return (
        f"{about_en}{n_en} releases had been announced",
        f"se habían anunciado {about_es}{n_es} excarcelaciones",
    )


def _named(named: int, confirmed: int) -> Words:
    """How many of the people whom the record names are confirmed as released."""
    if named == 0:
        return "this record names nobody", "este registro no nombra a nadie"
    if named == 1:
        not_en, not_es = ("", "") if confirmed else ("not ", "no ")
        return (
            f"the only person whom this record names was {not_en}confirmed as released ",
            f"la única persona que nombra este registro {not_es}tenía confirmada su excarcelación ",
        )
    (named_en, named_es), (n_en, n_es) = number(named), number(confirmed)
    confirmed_en, confirmed_es = form(
        confirmed,
        ("none was", "ninguna tenía"),
        (f"at least {n_en} was", f"al menos {n_es} tenía"),
        (f"at least {n_en} were", f"al menos {n_es} tenían"),
    )
    return (
        f"of the {named_en} people whom this record names, {confirmed_en} confirmed as released ",
        f"de las {named_es} personas que nombra este registro, {confirmed_es} confirmada su "
        "excarcelación ",
    )


def _as_of(as_of: datetime, zone: str) -> Words:
    (place_en, place_es), (at,) = local(zone, as_of)
    en, es = moment(at)
    return f"As of {en} ({place_en})", f"Hasta {es} ({place_es})"


def _confirmed(confirmed: int, is_least: bool, only: Words = ("", "")) -> Words:
    """The number of confirmed releases as a lower bound. "None" only if no others may match."""
    (only_en, only_es), (n_en, n_es) = only, number(confirmed)
    if confirmed == 0 and is_least:
        return (
            f"no release{only_en} was known to be",
            f"no constaba ninguna excarcelación{only_es} confirmada",
        )
    if confirmed == 0:
        return f"no release{only_en} was", f"ninguna excarcelación{only_es} estaba confirmada"
    if confirmed == 1:
        return (
            f"at least {n_en} release{only_en} was",
            f"al menos {n_es} excarcelación{only_es} estaba confirmada",
        )
    return (
        f"at least {n_en} releases{only_en} were",
        f"al menos {n_es} excarcelaciones{only_es} estaban confirmadas",
    )


def _rearrested(rearrested: int) -> Words:
    """The number of the released people of a sentence that were detained again."""
    n_en, n_es = number(rearrested)
    again_en = f"; {n_en} of the people released had been detained again"
    return form(
        rearrested,
        ("", ""),
        (again_en, f"; {n_es} de las personas excarceladas había sido detenida de nuevo"),
        (again_en, f"; {n_es} de las personas excarceladas habían sido detenidas de nuevo"),
    )


def _at_least(value: int, undisclosed: int) -> Words:
    """Return a number in digits, so that both numbers of a comparison have the same form."""
    en, es = digits(value)
    return (f"at least {en}", f"al menos {es}") if undisclosed else (en, es)


def _further(undisclosed: int) -> Words:
    """The people of whom the public may not know whether they match a scope."""
    n_en, n_es = number(undisclosed)
    return form(
        undisclosed,
        ("", ""),
        (
            f"; {n_en} further person is counted only in the total",
            f"; {n_es} persona más se cuenta solo en el total",
        ),
        (
            f"; {n_en} further people are counted only in the total",
            f"; {n_es} personas más se cuentan solo en el total",
        ),
    )


def confirmed_by(min_sources: int) -> Words:
    """Return by how many sources a release is confirmed."""
    if min_sources == 1:
        return "by at least one source", "por al menos una fuente"
    en, es = number(min_sources)
    return f"by {en} or more independent sources", f"por {es} o más fuentes independientes"


def _required(min_sources: int, independent_denials: int) -> Words:
    """The required number of sources, unless it is two.

    With denials it is a margin, since each denial requires one more source.
    """
    if min_sources == 2:
        return "", ""
    en, es = number(min_sources)
    if independent_denials:
        source, fuente = ("source", "fuente") if min_sources == 1 else ("sources", "fuentes")
        return (
            f" (a margin of at least {en} {source} was required)",
            f" (se requería un margen de al menos {es} {fuente})",
        )
    if min_sources == 1:
        return f" (at least {en} was required)", f" (se requería al menos {es})"
    return f" (at least {en} were required)", f" (se requerían al menos {es})"


def _claimed(kind: str, value: int | None, qualifier: str, scope: Scope) -> Words:
    """The predicate of a claim: a verb and the figure."""
    (singular_en, singular_es), (plural_en, plural_es) = _CLAIMED[kind]
    only_en, only_es = filters(scope, of_releases=kind in ("announced", "released"))
    if kind == "announced":
        verb_en, verb_es = "had announced", "había anunciado"
    elif value is None:
        verb_en, verb_es = "spoke of", "hablaba de"
    else:
        verb_en, verb_es = "counted", "contabilizaba"
    if value is None:
        return (
            f"{verb_en} {plural_en}{only_en} without giving a figure",
            f"{verb_es} {plural_es}{only_es} sin dar una cifra",
        )
    if value == 0 and qualifier in _ZERO_IS_NONE:
        return (
            f"{verb_en} no {singular_en}{only_en}",
            f"no {verb_es} ninguna {singular_es}{only_es}",
        )
    (n_en, n_es), (about_en, about_es) = number(value), _QUALIFIER[qualifier]
    noun_en, noun_es = (singular_en, singular_es) if value == 1 else (plural_en, plural_es)
    return (
        f"{verb_en} {about_en}{n_en} {noun_en}{only_en}",
        f"{verb_es} {about_es}{n_es} {noun_es}{only_es}",
    )
