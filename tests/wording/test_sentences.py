"""The sentence of a citation: its exact wording in both languages, and its form for any input."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.verification.rule import status
from api.wording import sentences, vocabulary
from api.wording.sentences import Sentence

ZONE = "America/Caracas"
START = datetime(2026, 1, 1, 4, 0, tzinfo=UTC)
AS_OF = datetime(2026, 1, 9, 12, 30, tzinfo=UTC)
EN = "As of 9 January 2026, 08:30 (Caracas time), "
ES = "Hasta las 8:30 del 9 de enero de 2026 (hora de Caracas), "
BY_EN = "by two or more independent sources"
BY_ES = "por dos o más fuentes independientes"

ALL_FILTERS = {
    "facility": "El Helicoide",
    "country": "VE",
    "nationality": "ES",
    "age_group": "minor",
    "sex": "female",
    "release_kind": "exile",
    "announcement": "Jorge Rodríguez",
    "occurred_from": "2026-01-08",
    "occurred_until": "2026-01-10",
}


def comparison(source: str, value: int | None, **values: Any) -> Sentence:
    """Return the sentence on an exact claim of releases, nine of which are confirmed.

    `values` are others than these.
    """
    usual: Mapping[str, Any] = {
        "kind": "released",
        "qualifier": "exact",
        "was_retracted": False,
        "confirmed": 9,
        "min_sources": 2,
        "scope": {},
    }
    return sentences.comparison(AS_OF, ZONE, source, value=value, **{**usual, **values})


# --- Counts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("confirmed", "en", "es"),
    [
        (0, "no release was confirmed", "ninguna excarcelación estaba confirmada"),
        (1, "at least one release was confirmed", "al menos una excarcelación estaba confirmada"),
        (
            2,
            "at least two releases were confirmed",
            "al menos dos excarcelaciones estaban confirmadas",
        ),
        (
            9,
            "at least nine releases were confirmed",
            "al menos nueve excarcelaciones estaban confirmadas",
        ),
    ],
)
def test_counts(confirmed: int, en: str, es: str) -> None:
    assert sentences.counts(AS_OF, ZONE, confirmed, 2, {}) == {
        "en": f"{EN}{en} {BY_EN}.",
        "es": f"{ES}{es} {BY_ES}.",
    }


@pytest.mark.parametrize(
    ("rearrested", "en", "es"),
    [
        (0, "", ""),
        (
            1,
            "; one of the people released had been detained again",
            "; una de las personas excarceladas había sido detenida de nuevo",
        ),
        (
            2,
            "; two of the people released had been detained again",
            "; dos de las personas excarceladas habían sido detenidas de nuevo",
        ),
    ],
)
def test_rearrested(rearrested: int, en: str, es: str) -> None:
    assert sentences.counts(AS_OF, ZONE, 9, 2, {}, rearrested=rearrested) == {
        "en": f"{EN}at least nine releases were confirmed {BY_EN}{en}.",
        "es": f"{ES}al menos nueve excarcelaciones estaban confirmadas {BY_ES}{es}.",
    }


@pytest.mark.parametrize(
    ("min_sources", "en", "es"),
    [
        (1, "by at least one source", "por al menos una fuente"),
        (2, BY_EN, BY_ES),
        (3, "by three or more independent sources", "por tres o más fuentes independientes"),
        (4, "by four or more independent sources", "por cuatro o más fuentes independientes"),
        (5, "by five or more independent sources", "por cinco o más fuentes independientes"),
    ],
)
def test_required_number_of_sources_is_in_words(min_sources: int, en: str, es: str) -> None:
    for sentence in (
        sentences.counts(AS_OF, ZONE, 9, min_sources, {}),
        comparison("NTN24", 11, min_sources=min_sources),
    ):
        assert sentence["en"].endswith(f" were confirmed {en}.")
        assert sentence["es"].endswith(f" estaban confirmadas {es}.")
    timeline = sentences.timeline(START, AS_OF, ZONE, 0, 9, min_sources, {})
    assert f"the number of releases confirmed {en} went" in timeline["en"]
    assert f"el número de excarcelaciones confirmadas {es} pasó" in timeline["es"]
    delivery = sentences.delivery(AS_OF, ZONE, 116, "exact", False, 80, 9, min_sources)
    assert delivery["en"].endswith(f"at least nine were confirmed as released {en}.")
    assert delivery["es"].endswith(f"al menos nueve tenían confirmada su excarcelación {es}.")


# --- Filters of a count ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "en", "es"),
    [
        (
            {"facility": "Rodeo I"},
            "people released from Rodeo I",
            "personas excarceladas de Rodeo I",
        ),
        (
            {"country": "VE", "nationality": "ES"},
            "people of Spanish nationality, released from a facility in Venezuela",
            "personas de nacionalidad española, "
            "excarceladas de un centro de reclusión en Venezuela",
        ),
        (
            {"nationality": "ES"},
            "people of Spanish nationality",
            "personas de nacionalidad española",
        ),
        (
            {"nationality": "VE"},
            "people of Venezuelan nationality",
            "personas de nacionalidad venezolana",
        ),
        (
            {"nationality": "CZ"},
            "people with the nationality of Czechia",
            "personas con nacionalidad de Chequia",
        ),
        ({"age_group": "adult"}, "adults", "personas adultas"),
        ({"age_group": "minor"}, "minors", "personas menores de edad"),
        ({"age_group": "unknown"}, "people of unknown age", "personas de edad desconocida"),
        ({"sex": "female"}, "women and girls", "personas de sexo femenino"),
        ({"sex": "male"}, "men and boys", "personas de sexo masculino"),
        (
            {"sex": "other"},
            "people of a sex other than female or male",
            "personas de sexo distinto del femenino y del masculino",
        ),
        (
            {"release_kind": "full"},
            "people released with full freedom",
            "personas excarceladas con libertad plena",
        ),
        (
            {"release_kind": "conditional"},
            "people released under precautionary measures",
            "personas excarceladas con medidas cautelares",
        ),
        (
            {"release_kind": "house_arrest"},
            "people released to house arrest",
            "personas excarceladas con arresto domiciliario",
        ),
        (
            {"release_kind": "exile"},
            "people released into exile",
            "personas excarceladas con salida al exilio",
        ),
        (
            {"release_kind": "unknown"},
            "people released in an unspecified manner",
            "personas excarceladas de modo no especificado",
        ),
        (
            {"announcement": "Jorge Rodríguez"},
            "people released as part of what Jorge Rodríguez announced",
            "personas excarceladas como parte de lo que anunció Jorge Rodríguez",
        ),
        (
            {"occurred_from": "2026-01-08"},
            "people released on 8 January 2026 or later",
            "personas excarceladas el 8 de enero de 2026 o después",
        ),
        (
            {"occurred_until": "2026-01-10"},
            "people released on 10 January 2026 or earlier",
            "personas excarceladas el 10 de enero de 2026 o antes",
        ),
        (
            {"occurred_from": "2026-01-08", "occurred_until": "2026-01-08"},
            "people released on 8 January 2026",
            "personas excarceladas el 8 de enero de 2026",
        ),
        (
            {"occurred_from": "2025-12-31", "occurred_until": "2026-01-10"},
            "people released from 31 December 2025 to 10 January 2026",
            "personas excarceladas del 31 de diciembre de 2025 al 10 de enero de 2026",
        ),
        ({"sex": "female", "age_group": "adult"}, "women", "personas adultas de sexo femenino"),
        ({"sex": "male", "age_group": "adult"}, "men", "personas adultas de sexo masculino"),
        (
            {"sex": "male", "age_group": "minor"},
            "boys",
            "personas menores de edad de sexo masculino",
        ),
        (
            {"sex": "male", "age_group": "unknown"},
            "men and boys of unknown age",
            "personas de edad desconocida, de sexo masculino",
        ),
        (
            {"sex": "other", "age_group": "minor"},
            "minors of a sex other than female or male",
            "personas menores de edad de sexo distinto del femenino y del masculino",
        ),
        (
            ALL_FILTERS,
            "girls of Spanish nationality, released from El Helicoide in Venezuela into exile "
            "from 8 January 2026 to 10 January 2026 "
            "as part of what Jorge Rodríguez announced",
            "personas menores de edad de sexo femenino, de nacionalidad española, "
            "excarceladas de El Helicoide en Venezuela con salida al exilio "
            "del 8 de enero de 2026 al 10 de enero de 2026 "
            "como parte de lo que anunció Jorge Rodríguez",
        ),
    ],
)
def test_filters_follow_the_number(scope: dict[str, str], en: str, es: str) -> None:
    assert sentences.counts(AS_OF, ZONE, 1, 2, scope) == {
        "en": f"{EN}at least one release (counting only {en}) was confirmed {BY_EN}.",
        "es": f"{ES}al menos una excarcelación (contando solo {es}) estaba confirmada {BY_ES}.",
    }


def test_filters_follow_the_number_in_every_form() -> None:
    scope = {"age_group": "minor"}
    en, es = "(counting only minors)", "(contando solo personas menores de edad)"
    assert sentences.counts(AS_OF, ZONE, 0, 2, scope) == {
        "en": f"{EN}no release {en} was known to be confirmed {BY_EN}.",
        "es": f"{ES}no constaba ninguna excarcelación {es} confirmada {BY_ES}.",
    }
    assert sentences.counts(AS_OF, ZONE, 9, 2, scope) == {
        "en": f"{EN}at least nine releases {en} were confirmed {BY_EN}.",
        "es": f"{ES}al menos nueve excarcelaciones {es} estaban confirmadas {BY_ES}.",
    }
    assert sentences.timeline(START, AS_OF, ZONE, 0, 9, 2, scope) == {
        "en": "Between 1 January 2026, 00:00 and 9 January 2026, 08:30 (Caracas time), "
        f"the number of releases {en} known to be confirmed {BY_EN} went from 0 to 9.",
        "es": "Entre las 0:00 del 1 de enero de 2026 y las 8:30 del 9 de enero de 2026 "
        f"(hora de Caracas), el número de excarcelaciones {es} que constaban como confirmadas "
        f"{BY_ES} pasó de 0 a 9.",
    }
    moments = ((START, AS_OF), (AS_OF, AS_OF))
    assert (
        f", no release {en} is known to have become confirmed {BY_EN} and none is known to have "
        "ceased to be."
    ) in sentences.differences(*moments, ZONE, 0, 0, 2, scope)["en"]
    # A release event has a day, so this filter leaves out no release that may match.
    scope = {"occurred_from": "2026-01-08"}
    assert ") was confirmed by two" in sentences.counts(AS_OF, ZONE, 0, 2, scope)["en"]


@pytest.mark.parametrize(
    ("confirmed", "undisclosed", "en", "es"),
    [
        (0, 1, "no release was known to be", "no constaba ninguna excarcelación confirmada"),
        (1, 2, "at least one release was", "al menos una excarcelación estaba confirmada"),
        (
            9,
            1200,
            "at least nine releases were",
            "al menos nueve excarcelaciones estaban confirmadas",
        ),
    ],
)
def test_undisclosed_people_follow_a_lower_bound(
    confirmed: int, undisclosed: int, en: str, es: str
) -> None:
    more_en, more_es = {
        1: ("one further person is", "una persona más se cuenta"),
        2: ("two further people are", "dos personas más se cuentan"),
        1200: ("1,200 further people are", "1.200 personas más se cuentan"),
    }[undisclosed]
    more_en, more_es = f"; {more_en} counted only in the total.", f"; {more_es} solo en el total."
    assert sentences.counts(AS_OF, ZONE, confirmed, 2, {}, undisclosed=undisclosed) == {
        "en": f"{EN}{en} confirmed {BY_EN}{more_en}",
        "es": f"{ES}{es} {BY_ES}{more_es}",
    }
    compared = comparison("NTN24", 11, confirmed=confirmed, undisclosed=undisclosed)
    assert compared["en"].endswith(f"; {en} confirmed {BY_EN}{more_en}")
    assert compared["es"].endswith(f"; {es} {BY_ES}{more_es}")


@pytest.mark.parametrize(
    ("before", "after", "undisclosed", "en", "es"),
    [
        (0, 9, (0, 4), "went from 0 to at least 9; four", "pasó de 0 a al menos 9; cuatro"),
        (
            9,
            9,
            (4, 4),
            "was at least 9 at both moments; four",
            "era al menos 9 en ambos momentos; cuatro",
        ),
        (9, 9, (4, 0), "went from at least 9 to 9; four", "pasó de al menos 9 a 9; cuatro"),
    ],
)
def test_undisclosed_people_of_a_timeline(
    before: int, after: int, undisclosed: tuple[int, int], en: str, es: str
) -> None:
    sentence = sentences.timeline(START, AS_OF, ZONE, before, after, 2, {}, undisclosed=undisclosed)
    assert sentence["en"].endswith(f" {en} further people are counted only in the total.")
    assert sentence["es"].endswith(f" {es} personas más se cuentan solo en el total.")


@pytest.mark.parametrize(
    ("before", "after", "undisclosed", "en", "es"),
    [
        (0, 0, (0, 4), "was 0 at both moments", "era 0 en ambos momentos"),
        (0, 0, (4, 4), "was 0 at both moments", "era 0 en ambos momentos"),
        (0, 9, (4, 0), "went from 0 to 9", "pasó de 0 a 9"),
        (9, 0, (4, 4), "went from 9 to 0", "pasó de 9 a 0"),
    ],
)
def test_timeline_from_or_to_none_that_is_known(
    before: int, after: int, undisclosed: tuple[int, int], en: str, es: str
) -> None:
    sentence = sentences.timeline(START, AS_OF, ZONE, before, after, 2, {}, undisclosed=undisclosed)
    assert sentence["en"].endswith(
        f", the number of releases known to be confirmed {BY_EN} {en}; "
        "four further people are counted only in the total."
    )
    assert sentence["es"].endswith(
        f", el número de excarcelaciones que constaban como confirmadas {BY_ES} {es}; "
        "cuatro personas más se cuentan solo en el total."
    )


def test_order_of_filters_does_not_change_the_wording() -> None:
    backwards = dict(reversed(ALL_FILTERS.items()))
    assert sentences.counts(AS_OF, ZONE, 9, 2, backwards) == sentences.counts(
        AS_OF, ZONE, 9, 2, ALL_FILTERS
    )


def test_filter_without_a_wording_raises_an_error() -> None:
    assert {*ALL_FILTERS, "confidential_announcement"} == vocabulary.SCOPE
    with pytest.raises(ValueError, match="occupation"):
        sentences.counts(AS_OF, ZONE, 9, 2, {"occupation": "lawyer"})


# --- Timelines ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "en", "es"),
    [
        (0, 9, "went from 0 to 9", "pasó de 0 a 9"),
        (9, 1, "went from 9 to 1", "pasó de 9 a 1"),
        (9, 9, "was 9 at both moments", "era 9 en ambos momentos"),
        (0, 0, "was 0 at both moments", "era 0 en ambos momentos"),
        (9, 12, "went from 9 to 12", "pasó de 9 a 12"),
    ],
)
def test_timeline(before: int, after: int, en: str, es: str) -> None:
    assert sentences.timeline(START, AS_OF, ZONE, before, after, 2, {}) == {
        "en": "Between 1 January 2026, 00:00 and 9 January 2026, 08:30 (Caracas time), "
        f"the number of releases confirmed {BY_EN} {en}.",
        "es": "Entre las 0:00 del 1 de enero de 2026 y las 8:30 del 9 de enero de 2026 "
        f"(hora de Caracas), el número de excarcelaciones confirmadas {BY_ES} {es}.",
    }


@pytest.mark.parametrize(
    ("became", "ceased", "undisclosed", "en", "es"),
    [
        (
            0,
            0,
            0,
            f"no release became confirmed {BY_EN} and none ceased to be",
            f"ninguna excarcelación pasó a estar confirmada {BY_ES} y ninguna dejó de estarlo",
        ),
        (
            3,
            1,
            0,
            f"three releases became confirmed {BY_EN} and one ceased to be",
            f"tres excarcelaciones pasaron a estar confirmadas {BY_ES} y una dejó de estarlo",
        ),
        (
            1,
            2,
            0,
            f"one release became confirmed {BY_EN} and two ceased to be",
            f"una excarcelación pasó a estar confirmada {BY_ES} y dos dejaron de estarlo",
        ),
        (
            1,
            0,
            1,
            f"at least one release became confirmed {BY_EN} and none is known to have ceased to "
            "be; one further person is counted only in the total",
            f"al menos una excarcelación pasó a estar confirmada {BY_ES} y no consta que ninguna "
            "dejara de estarlo; una persona más se cuenta solo en el total",
        ),
        (
            0,
            2,
            1,
            f"no release is known to have become confirmed {BY_EN} and at least two ceased to be; "
            "one further person is counted only in the total",
            f"no consta que ninguna excarcelación pasara a estar confirmada {BY_ES} y al menos dos "
            "dejaron de estarlo; una persona más se cuenta solo en el total",
        ),
        (
            0,
            0,
            2,
            f"no release is known to have become confirmed {BY_EN} and none is known to have "
            "ceased to be; two further people are counted only in the total",
            f"no consta que ninguna excarcelación pasara a estar confirmada {BY_ES} ni que ninguna "
            "dejara de estarlo; dos personas más se cuentan solo en el total",
        ),
    ],
)
def test_differences(became: int, ceased: int, undisclosed: int, en: str, es: str) -> None:
    moments = ((START, AS_OF), (AS_OF, AS_OF))
    assert sentences.differences(
        *moments, ZONE, became, ceased, 2, {}, undisclosed=undisclosed
    ) == {
        "en": "Between 1 January 2026, 00:00 and 9 January 2026, 08:30 (Caracas time), " + en + ".",
        "es": "Entre las 0:00 del 1 de enero de 2026 y las 8:30 del 9 de enero de 2026 (hora de "
        f"Caracas), {es}.",
    }


def test_differences_name_the_moments_and_the_causes() -> None:
    causes = [
        vocabulary.Cause("attestation", "retracted", "El Nacional", effect=-1),
        vocabulary.Cause("attestation", "retracted", "El Nacional"),
        vocabulary.Cause("attestation", "published", "Foro Penal", effect=1),
        vocabulary.Cause("attestation", "recorded", "Foro Penal", effect=1),
        vocabulary.Cause("affiliation", "affiliated", "Diario {0}"),
        vocabulary.Cause("detainee", "updated", None),
    ]
    sentence = sentences.differences((AS_OF, AS_OF), (START, AS_OF), ZONE, 0, 2, 2, {}, causes)
    assert sentence == {
        "en": "By what was recorded between 1 January 2026, 00:00 and 9 January 2026, 08:30 "
        f"(Caracas time), no release became confirmed {BY_EN} and two ceased to be: "
        "El Nacional retracted its statement; an affiliation of Diario {0} was recorded.",
        "es": "Según lo registrado entre las 0:00 del 1 de enero de 2026 y las 8:30 del 9 de enero "
        f"de 2026 (hora de Caracas), ninguna excarcelación pasó a estar confirmada {BY_ES} y dos "
        "dejaron de estarlo: El Nacional retiró su declaración; se registró un vínculo de "
        "Diario {0}.",
    }
    sentence = sentences.differences((START, AS_OF), (START, AS_OF), "UTC", 1, 0, 2, {})
    assert "(UTC), with what was recorded by 1 January 2026, 04:00 and by 9 " in sentence["en"]
    assert "(UTC), con lo registrado hasta las 4:00 del 1 de enero de 2026 y " in sentence["es"]


def test_rearrested_people_of_a_timeline() -> None:
    sentence = sentences.timeline(START, AS_OF, ZONE, 0, 9, 2, {}, rearrested=1)
    assert sentence["en"].endswith(
        " from 0 to 9; one of the people released had been detained again."
    )
    assert sentence["es"].endswith(
        " de 0 a 9; una de las personas excarceladas había sido detenida de nuevo."
    )


# --- Verifications --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sources", "denials", "min_sources", "en", "es"),
    [
        (
            2,
            0,
            2,
            "was confirmed: two independent sources attest to it and none denies it",
            "estaba confirmada: la respaldan dos fuentes independientes y ninguna la desmiente",
        ),
        (
            3,
            1,
            2,
            "was confirmed: three independent sources attest to it and one denies it",
            "estaba confirmada: la respaldan tres fuentes independientes y una la desmiente",
        ),
        (
            1,
            0,
            1,
            "was confirmed: one independent source attests to it and none denies it "
            "(at least one was required)",
            "estaba confirmada: la respalda una fuente independiente y ninguna la desmiente "
            "(se requería al menos una)",
        ),
        (
            5,
            2,
            3,
            "was confirmed: five independent sources attest to it and two deny it "
            "(a margin of at least three sources was required)",
            "estaba confirmada: la respaldan cinco fuentes independientes y dos la desmienten "
            "(se requería un margen de al menos tres fuentes)",
        ),
        (
            0,
            2,
            2,
            "was refuted: no independent source attests to it and two deny it",
            "estaba desmentida: ninguna fuente independiente la respalda y dos la desmienten",
        ),
        (
            0,
            1,
            1,
            "was refuted: no independent source attests to it and one denies it "
            "(a margin of at least one source was required)",
            "estaba desmentida: ninguna fuente independiente la respalda y una la desmiente "
            "(se requería un margen de al menos una fuente)",
        ),
        (
            1,
            1,
            2,
            "was disputed: one independent source attests to it and one denies it",
            "estaba en disputa: la respalda una fuente independiente y una la desmiente",
        ),
        (
            4,
            1,
            4,
            "was disputed: four independent sources attest to it and one denies it "
            "(a margin of at least four sources was required)",
            "estaba en disputa: la respaldan cuatro fuentes independientes y una la desmiente "
            "(se requería un margen de al menos cuatro fuentes)",
        ),
        (
            1,
            0,
            2,
            "was reported by one independent source but not confirmed",
            "estaba reportada por una fuente independiente, pero no confirmada",
        ),
        (
            3,
            0,
            5,
            "was reported by three independent sources but not confirmed "
            "(at least five were required)",
            "estaba reportada por tres fuentes independientes, pero no confirmada "
            "(se requerían al menos cinco)",
        ),
        (
            0,
            0,
            2,
            "was not verified: no independent source attests to it",
            "no estaba verificada: ninguna fuente independiente la respalda",
        ),
        (
            0,
            0,
            1,
            "was not verified: no independent source attests to it (at least one was required)",
            "no estaba verificada: ninguna fuente independiente la respalda "
            "(se requería al menos una)",
        ),
    ],
)
def test_verification(sources: int, denials: int, min_sources: int, en: str, es: str) -> None:
    result = status(sources, denials, min_sources)
    assert sentences.verification(AS_OF, ZONE, result, sources, denials, min_sources) == {
        "en": f"{EN}this release {en}.",
        "es": f"{ES}esta excarcelación {es}.",
    }


# --- Comparisons ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "qualifier", "en", "es"),
    [
        (11, "exact", "counted 11 releases", "contabilizaba 11 excarcelaciones"),
        (11, "unspecified", "counted 11 releases", "contabilizaba 11 excarcelaciones"),
        (
            11,
            "at_least",
            "counted at least 11 releases",
            "contabilizaba al menos 11 excarcelaciones",
        ),
        (
            11,
            "at_most",
            "counted at most 11 releases",
            "contabilizaba como máximo 11 excarcelaciones",
        ),
        (11, "about", "counted about 11 releases", "contabilizaba alrededor de 11 excarcelaciones"),
        (1, "exact", "counted one release", "contabilizaba una excarcelación"),
        (1, "at_least", "counted at least one release", "contabilizaba al menos una excarcelación"),
        (0, "exact", "counted no release", "no contabilizaba ninguna excarcelación"),
        (0, "unspecified", "counted no release", "no contabilizaba ninguna excarcelación"),
        (0, "at_most", "counted no release", "no contabilizaba ninguna excarcelación"),
        (0, "at_least", "counted at least 0 releases", "contabilizaba al menos 0 excarcelaciones"),
        (0, "about", "counted about 0 releases", "contabilizaba alrededor de 0 excarcelaciones"),
        (
            None,
            "unspecified",
            "spoke of releases without giving a figure",
            "hablaba de excarcelaciones sin dar una cifra",
        ),
    ],
)
def test_claim_of_releases_is_compared_with_confirmed_releases(
    value: int | None, qualifier: str, en: str, es: str
) -> None:
    source = "Plataforma Unitaria Democrática"
    for confirmed, confirmed_en, confirmed_es in (
        (0, "no release was confirmed", "ninguna excarcelación estaba confirmada"),
        (1, "at least one release was confirmed", "al menos una excarcelación estaba confirmada"),
        (
            9,
            "at least nine releases were confirmed",
            "al menos nueve excarcelaciones estaban confirmadas",
        ),
    ):
        assert comparison(source, value, qualifier=qualifier, confirmed=confirmed) == {
            "en": f"{EN}{source} {en}; {confirmed_en} {BY_EN}.",
            "es": f"{ES}{source} {es}; {confirmed_es} {BY_ES}.",
        }


@pytest.mark.parametrize(
    ("kind", "value", "en", "es"),
    [
        ("announced", 116, "had announced 116 releases", "había anunciado 116 excarcelaciones"),
        ("announced", 1, "had announced one release", "había anunciado una excarcelación"),
        ("announced", 0, "had announced no release", "no había anunciado ninguna excarcelación"),
        (
            "announced",
            None,
            "had announced releases without giving a figure",
            "había anunciado excarcelaciones sin dar una cifra",
        ),
        ("detained", 863, "counted 863 people detained", "contabilizaba 863 personas detenidas"),
        ("detained", 1, "counted one person detained", "contabilizaba una persona detenida"),
        ("detained", 0, "counted no person detained", "no contabilizaba ninguna persona detenida"),
        (
            "detained",
            None,
            "spoke of people detained without giving a figure",
            "hablaba de personas detenidas sin dar una cifra",
        ),
        (
            "whereabouts_unknown",
            68,
            "counted 68 people of unknown whereabouts",
            "contabilizaba 68 personas en paradero desconocido",
        ),
        (
            "whereabouts_unknown",
            1,
            "counted one person of unknown whereabouts",
            "contabilizaba una persona en paradero desconocido",
        ),
        (
            "whereabouts_unknown",
            0,
            "counted no person of unknown whereabouts",
            "no contabilizaba ninguna persona en paradero desconocido",
        ),
        (
            "whereabouts_unknown",
            None,
            "spoke of people of unknown whereabouts without giving a figure",
            "hablaba de personas en paradero desconocido sin dar una cifra",
        ),
    ],
)
def test_claim_of_another_kind_is_not_compared(
    kind: str, value: int | None, en: str, es: str
) -> None:
    claim_en, claim_es = ("statement", "declaración") if value is None else ("figure", "cifra")
    for was_retracted, later_en, later_es in (
        (False, "", ""),
        (
            True,
            f"; Foro Penal later retracted its {claim_en}",
            f"; Foro Penal retiró luego su {claim_es}",
        ),
    ):
        assert comparison("Foro Penal", value, kind=kind, was_retracted=was_retracted) == {
            "en": f"{EN}Foro Penal {en}{later_en}.",
            "es": f"{ES}Foro Penal {es}{later_es}.",
        }


def test_retracted_figure() -> None:
    assert comparison("NTN24", 11, confirmed=1, was_retracted=True) == {
        "en": f"{EN}NTN24 counted 11 releases; at least one release was confirmed {BY_EN}; "
        "NTN24 later retracted its figure.",
        "es": f"{ES}NTN24 contabilizaba 11 excarcelaciones; al menos una excarcelación estaba "
        f"confirmada {BY_ES}; NTN24 retiró luego su cifra.",
    }


def test_filters_of_a_claim() -> None:
    scope = {"facility": "Rodeo I", "occurred_from": "2026-01-08"}
    assert comparison("Miliany Castillo", 0, confirmed=0, scope=scope) == {
        "en": f"{EN}Miliany Castillo counted no release (counting only people released from "
        f"Rodeo I on 8 January 2026 or later); no release was known to be "
        f"confirmed {BY_EN}.",
        "es": f"{ES}Miliany Castillo no contabilizaba ninguna excarcelación (contando solo "
        "personas excarceladas de Rodeo I el 8 de enero de 2026 o después); "
        f"no constaba ninguna excarcelación confirmada {BY_ES}.",
    }
    scope = {**scope, "age_group": "adult"}
    assert comparison("Foro Penal", 12, kind="detained", qualifier="about", scope=scope) == {
        "en": f"{EN}Foro Penal counted about 12 people detained (counting only adults "
        "detained at Rodeo I on 8 January 2026 or later).",
        "es": f"{ES}Foro Penal contabilizaba alrededor de 12 personas detenidas (contando solo "
        "personas adultas detenidas en Rodeo I el 8 de enero de 2026 o después).",
    }


# --- Deliveries -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("announced", "named", "confirmed", "en", "es"),
    [
        (
            116,
            80,
            53,
            "116 releases had been announced; of the 80 people whom this record names, "
            f"at least 53 were confirmed as released {BY_EN}",
            "se habían anunciado 116 excarcelaciones; de las 80 personas que nombra este registro, "
            f"al menos 53 tenían confirmada su excarcelación {BY_ES}",
        ),
        (
            1,
            1,
            1,
            "one release had been announced; the only person whom this record names was "
            f"confirmed as released {BY_EN}",
            "se había anunciado una excarcelación; la única persona que nombra este registro "
            f"tenía confirmada su excarcelación {BY_ES}",
        ),
        (
            2,
            1,
            0,
            "two releases had been announced; the only person whom this record names was "
            f"not confirmed as released {BY_EN}",
            "se habían anunciado dos excarcelaciones; la única persona que nombra este registro "
            f"no tenía confirmada su excarcelación {BY_ES}",
        ),
        (
            0,
            0,
            0,
            "no release had been announced; this record names nobody",
            "no se había anunciado ninguna excarcelación; este registro no nombra a nadie",
        ),
        (
            None,
            3,
            0,
            "releases had been announced without a figure; of the three people whom this record "
            f"names, none was confirmed as released {BY_EN}",
            "se habían anunciado excarcelaciones sin dar una cifra; de las tres personas que "
            f"nombra este registro, ninguna tenía confirmada su excarcelación {BY_ES}",
        ),
    ],
)
def test_delivery(announced: int | None, named: int, confirmed: int, en: str, es: str) -> None:
    assert sentences.delivery(AS_OF, ZONE, announced, "exact", False, named, confirmed, 2) == {
        "en": f"{EN}{en}.",
        "es": f"{ES}{es}.",
    }


@pytest.mark.parametrize(
    ("announced", "qualifier", "en", "es"),
    [
        (116, "exact", "116 releases had", "se habían anunciado 116 excarcelaciones"),
        (116, "unspecified", "116 releases had", "se habían anunciado 116 excarcelaciones"),
        (
            116,
            "at_least",
            "at least 116 releases had",
            "se habían anunciado al menos 116 excarcelaciones",
        ),
        (
            116,
            "at_most",
            "at most 116 releases had",
            "se habían anunciado como máximo 116 excarcelaciones",
        ),
        (
            116,
            "about",
            "about 116 releases had",
            "se habían anunciado alrededor de 116 excarcelaciones",
        ),
        (
            1,
            "at_least",
            "at least one release had",
            "se había anunciado al menos una excarcelación",
        ),
        (None, "unspecified", "releases had", "se habían anunciado excarcelaciones"),
        (0, "exact", "no release had", "no se había anunciado ninguna excarcelación"),
        (0, "at_most", "no release had", "no se había anunciado ninguna excarcelación"),
        (0, "unspecified", "no release had", "no se había anunciado ninguna excarcelación"),
        # Not that there is none.
        (
            0,
            "at_least",
            "at least 0 releases had",
            "se habían anunciado al menos 0 excarcelaciones",
        ),
        (0, "about", "about 0 releases had", "se habían anunciado alrededor de 0 excarcelaciones"),
    ],
)
def test_qualifier_and_retraction_of_an_announcement(
    announced: int | None, qualifier: str, en: str, es: str
) -> None:
    figure_en, figure_es = (
        (" without a figure", " sin dar una cifra") if announced is None else ("", "")
    )
    for was_retracted, later_en, later_es in (
        (False, "", ""),
        (True, ", an announcement that was later retracted", ", anuncio que luego fue retirado"),
    ):
        for named, named_en, named_es in (
            (0, "this record names nobody", "este registro no nombra a nadie"),
            (
                80,
                "of the 80 people whom this record names, at least 53 were confirmed as released "
                + BY_EN,
                "de las 80 personas que nombra este registro, al menos 53 tenían confirmada su "
                f"excarcelación {BY_ES}",
            ),
        ):
            assert sentences.delivery(
                AS_OF, ZONE, announced, qualifier, was_retracted, named, min(named, 53), 2
            ) == {
                "en": f"{EN}{en} been announced{figure_en}{later_en}; {named_en}.",
                "es": f"{ES}{es}{figure_es}{later_es}; {named_es}.",
            }


# --- Moments and numbers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "zone", "en", "es"),
    [
        (AS_OF, "UTC", "9 January 2026, 12:30 (UTC)", "las 12:30 del 9 de enero de 2026 (UTC)"),
        (AS_OF, "Etc/UTC", "9 January 2026, 12:30 (UTC)", "las 12:30 del 9 de enero de 2026 (UTC)"),
        (
            AS_OF,
            "America/Argentina/Buenos_Aires",
            "9 January 2026, 09:30 (Buenos Aires time)",
            "las 9:30 del 9 de enero de 2026 (hora de Buenos Aires)",
        ),
        (
            AS_OF,
            "America/Port-au-Prince",
            "9 January 2026, 07:30 (Port-au-Prince time)",
            "las 7:30 del 9 de enero de 2026 (hora de Puerto Príncipe)",
        ),
        (
            AS_OF,
            "Etc/GMT+4",
            "9 January 2026, 08:30 (GMT-4)",
            "las 8:30 del 9 de enero de 2026 (GMT-4)",
        ),
        (
            AS_OF,
            "Etc/GMT-2",
            "9 January 2026, 14:30 (GMT+2)",
            "las 14:30 del 9 de enero de 2026 (GMT+2)",
        ),
        (AS_OF, "GMT", "9 January 2026, 12:30 (GMT)", "las 12:30 del 9 de enero de 2026 (GMT)"),
        (
            datetime(2026, 8, 1, 1, 0, 15, 999_999, tzinfo=UTC),
            ZONE,
            "31 July 2026, 21:00:15 (Caracas time)",
            "las 21:00:15 del 31 de julio de 2026 (hora de Caracas)",
        ),
        (
            datetime(2026, 7, 1, 22, 5, 0, 999_999, tzinfo=UTC),
            "Europe/Madrid",
            "2 July 2026, 00:05 (Madrid time)",
            "las 0:05 del 2 de julio de 2026 (hora de Madrid)",
        ),
        (
            datetime(2026, 1, 9, 12, 30, tzinfo=timezone(timedelta(hours=2))),
            "UTC",
            "9 January 2026, 10:30 (UTC)",
            "las 10:30 del 9 de enero de 2026 (UTC)",
        ),
        (
            datetime(2026, 1, 9, 5, 5, tzinfo=UTC),
            ZONE,
            "9 January 2026, 01:05 (Caracas time)",
            "la 1:05 del 9 de enero de 2026 (hora de Caracas)",
        ),
        (
            datetime(2026, 1, 10, 3, 59, 59, 999_999, tzinfo=UTC),
            ZONE,
            "the end of 9 January 2026 (Caracas time)",
            "el final del 9 de enero de 2026 (hora de Caracas)",
        ),
        (
            datetime(9999, 12, 31, 23, 30, tzinfo=UTC),
            "Asia/Tokyo",
            "31 December 9999, 23:30 (UTC)",
            "las 23:30 del 31 de diciembre de 9999 (UTC)",
        ),
        (
            datetime(1, 1, 1, 0, 30, tzinfo=UTC),
            ZONE,
            "1 January 1, 00:30 (UTC)",
            "las 0:30 del 1 de enero de 1 (UTC)",
        ),
    ],
)
def test_moment_is_in_its_time_zone(moment: datetime, zone: str, en: str, es: str) -> None:
    sentence = sentences.counts(moment, zone, 9, 2, {})
    assert sentence["en"].startswith(f"As of {en}, at least nine ")
    assert sentence["es"].startswith(f"Hasta {es}, al menos nueve ")


def test_both_ends_of_a_timeline_are_in_one_time_zone() -> None:
    end = datetime(9999, 12, 31, 23, 30, tzinfo=UTC)
    sentence = sentences.timeline(AS_OF, end, "Asia/Tokyo", 0, 9, 2, {})
    assert sentence["en"].startswith(
        "Between 9 January 2026, 12:30 and 31 December 9999, 23:30 (UTC), "
    )


@pytest.mark.parametrize(
    ("number", "en", "es"),
    [
        (999, "999", "999"),
        (1234, "1,234", "1.234"),
        (9999, "9,999", "9.999"),
        (12345, "12,345", "12.345"),
        (1234567, "1,234,567", "1.234.567"),
    ],
)
def test_digits_are_grouped_by_the_rules_of_the_language(number: int, en: str, es: str) -> None:
    for sentence in (
        sentences.counts(AS_OF, ZONE, number, 2, {}),
        sentences.timeline(START, AS_OF, ZONE, 0, number, 2, {}),
        sentences.verification(AS_OF, ZONE, "confirmed", number, 0, 2),
        comparison("NTN24", number, kind="detained", qualifier="about"),
        sentences.delivery(AS_OF, ZONE, number, "about", False, 0, 0, 2),
    ):
        assert f" {en}" in sentence["en"]
        assert f" {es}" in sentence["es"]


# --- Any input ------------------------------------------------------------------------------------

zones = st.sampled_from(sorted(available_timezones()))
moments = st.datetimes(timezones=st.just(UTC))
numbers = st.integers(0, 3) | st.integers(0, 1_000_000_000)
required = st.integers(1, 5)
qualifiers = st.sampled_from(["exact", "at_least", "at_most", "about", "unspecified"])
names = st.text("abcÑé -", min_size=1, max_size=20).map(str.strip).filter(bool)
days = st.dates(date(1900, 1, 1)).map(date.isoformat)
scopes = st.fixed_dictionaries(
    {},
    optional={
        "facility": names,
        "nationality": st.sampled_from(["VE", "ES", "IT"]),
        "age_group": st.sampled_from(["adult", "minor", "unknown"]),
        "sex": st.sampled_from(["female", "male", "other"]),
        "release_kind": st.sampled_from(
            ["full", "conditional", "house_arrest", "exile", "unknown"]
        ),
        "announcement": names,
        "occurred_from": days,
        "occurred_until": days,
    },
)


def assert_one_sentence(sentence: Sentence) -> None:
    assert set(sentence) == {"en", "es"}
    for text in sentence.values():
        assert text.endswith(".")
        # One full stop, but for digits in Spanish and "St. Thomas".
        assert len(re.findall(r"(?<!St)\.(?!\d)", text)) == 1
        assert text.count("(") == text.count(")")
        for defect in ("{", "}", "None", " ,", " )", "( ", " .", " ;", ",,", ", )"):
            assert defect not in text
        # An entity tag leaves out the moments, and has what follows them.
        moments, _, rest = text.partition("), ")
        assert re.search(r"\d.*\(", moments)
        assert rest


@given(moments, zones, numbers, required, scopes)
def test_counts_are_always_one_sentence(
    as_of: datetime, zone: str, confirmed: int, min_sources: int, scope: dict[str, str]
) -> None:
    assert_one_sentence(sentences.counts(as_of, zone, confirmed, min_sources, scope))


@given(moments, moments, zones, numbers, numbers, required, scopes)
def test_timeline_is_always_one_sentence(
    first: datetime,
    last: datetime,
    zone: str,
    before: int,
    after: int,
    min_sources: int,
    scope: dict[str, str],
) -> None:
    assert_one_sentence(sentences.timeline(first, last, zone, before, after, min_sources, scope))


@given(moments, zones, numbers, numbers, required)
def test_verification_is_always_one_sentence(
    as_of: datetime, zone: str, sources: int, denials: int, min_sources: int
) -> None:
    result = status(sources, denials, min_sources)
    assert_one_sentence(sentences.verification(as_of, zone, result, sources, denials, min_sources))


@given(
    moments,
    zones,
    names,
    st.sampled_from(["announced", "released", "detained", "whereabouts_unknown"]),
    st.none() | numbers,
    qualifiers,
    st.booleans(),
    numbers,
    required,
    scopes,
)
def test_comparison_is_always_one_sentence(
    as_of: datetime,
    zone: str,
    source: str,
    kind: str,
    value: int | None,
    qualifier: str,
    was_retracted: bool,
    confirmed: int,
    min_sources: int,
    scope: dict[str, str],
) -> None:
    assert_one_sentence(
        sentences.comparison(
            as_of,
            zone,
            source,
            kind=kind,
            value=value,
            qualifier=qualifier,
            was_retracted=was_retracted,
            confirmed=confirmed,
            min_sources=min_sources,
            scope=scope,
        )
    )


@given(moments, zones, st.none() | numbers, qualifiers, st.booleans(), numbers, numbers, required)
def test_delivery_is_always_one_sentence(
    as_of: datetime,
    zone: str,
    announced: int | None,
    qualifier: str,
    was_retracted: bool,
    named: int,
    confirmed: int,
    min_sources: int,
) -> None:
    assert_one_sentence(
        sentences.delivery(
            as_of, zone, announced, qualifier, was_retracted, named, confirmed, min_sources
        )
    )
