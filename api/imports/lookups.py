"""Words of lists -> countries and facilities.

Countries are known by ISO 3166-1 codes, and by names and nationalities in English and Spanish if
their people are found on lists of detainees. Facilities are known by name, alias or id.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from uuid import UUID

from marshmallow import ValidationError
from rapidfuzz import process

from api.contract import document, fields
from api.database import queries
from api.matching import folding

_MAX_SUGGESTIONS = 3
_MIN_SIMILARITY = 60

# Names and nationalities. A nationality in -o also matches its form in -a.
_COUNTRY_NAMES: Mapping[str, str] = {
    "AR": "argentina|argentino|argentinian|argentine",
    "AT": "austria|austriaco|austrian",
    "AU": "australia|australiano|australian",
    "BE": "belgica|belga|belgium|belgian",
    "BO": "bolivia|boliviano|bolivian",
    "BR": "brasil|brasileno|brazil|brazilian",
    "BY": "bielorrusia|belarus|bielorruso|belarusian|belarusan",
    "CA": "canada|canadiense|canadian",
    "CH": "suiza|suizo|switzerland|swiss",
    "CL": "chile|chileno|chilean",
    "CN": "china|chino|chinese",
    "CO": "colombia|colombiano|colombian",
    "CR": "costa rica|costarricense|costa rican",
    "CU": "cuba|cubano|cuban",
    "CZ": "chequia|republica checa|checo|czechia|czech republic|czech",
    "DE": "alemania|aleman|alemana|germany|german",
    "DO": "republica dominicana|dominicano|dominican republic",
    "EC": "ecuador|ecuatoriano|ecuadorian",
    "EG": "egipto|egipcio|egypt|egyptian",
    "ES": "espana|espanol|espanola|spain|spanish",
    "FR": "francia|frances|francesa|france|french",
    "GB": "reino unido|gran bretana|britanico|united kingdom|great britain|uk|british",
    "GT": "guatemala|guatemalteco|guatemalan",
    "HN": "honduras|hondureno|honduran",
    "HT": "haiti|haitiano|haitian",
    "HU": "hungria|hungaro|hungary|hungarian",
    "IE": "irlanda|irlandes|irlandesa|ireland|irish",
    "IL": "israel|israeli",
    "IN": "india|indian",
    "IR": "iran|irani|iranian",
    "IT": "italia|italiano|italy|italian",
    "LB": "libano|libanes|libanesa|lebanon|lebanese",
    "LT": "lituania|lituano|lithuania|lithuanian",
    "LV": "letonia|leton|letona|latvia|latvian",
    "MM": "birmania|birmano|myanmar|burma|burmese",
    "MX": "mexico|mexicano|mexican",
    "NI": "nicaragua|nicaraguense|nicaraguan",
    "NL": "paises bajos|holanda|neerlandes|neerlandesa|holandes|holandesa|netherlands|dutch",
    "PA": "panama|panameno|panamanian",
    "PE": "peru|peruano|peruvian",
    "PL": "polonia|polaco|poland|polish",
    "PR": "puerto rico|puertorriqueno|puerto rican",
    "PT": "portugal|portugues|portuguesa|portuguese",
    "PY": "paraguay|paraguayo|paraguayan",
    "RU": "rusia|ruso|federacion rusa|russia|russian federation|russian",
    "SV": "el salvador|salvadoreno|salvadoran",
    "SY": "siria|sirio|syria|syrian",
    "TR": "turquia|turco|turkey|turkiye|turkish",
    "TT": "trinidad y tobago|trinitense|trinidad and tobago|trinidadian",
    "UA": "ucrania|ucraniano|ukraine|ukrainian",
    "US": "estados unidos|estados unidos de america|eeuu|ee uu|estadounidense|united states|"
    "united states of america|usa|american",
    "UY": "uruguay|uruguayo|uruguayan",
    "VE": "venezuela|venezolano|venezuelan",
    "VN": "vietnam|vietnamita|vietnamese",
}
_CODES: Mapping[str, str] = {
    form: code
    for code, words in _COUNTRY_NAMES.items()
    for word in words.split("|")
    for form in {word, word.removesuffix("o") + "a" if word.endswith("o") else word}
}


def country_code(text: str) -> str | None:
    """Return the ISO 3166-1 alpha-2 code of a country by its code, name or nationality."""
    if text.upper() in _country_codes():
        return text.upper()
    return _CODES.get(folding.fold(text))


@cache
def _country_codes() -> frozenset[str]:
    return frozenset(document.load().schema("Country")["enum"])


class FacilityNames:
    """The facilities by name, alias and id, read at the first look-up."""

    def __init__(self, conn: queries.Connection) -> None:
        self._conn = conn
        self._ids: set[UUID] = set()
        self._ids_by_name: defaultdict[str, set[UUID]] = defaultdict(set)
        self._spellings: dict[str, str] = {}

    def find(self, text: str) -> UUID:
        """Return the id of a facility. Raise ValueError, with similar names, if there is none."""
        if not self._ids:
            self._read()
        try:
            id = fields.uuid(text)
        except ValidationError:
            return self._find_by_name(text)
        if id not in self._ids:
            raise ValueError(f"There is no facility with the id {id}.")
        return id

    def _find_by_name(self, text: str) -> UUID:
        name = folding.fold(text)
        ids = sorted(self._ids_by_name.get(name, ()))
        if len(ids) == 1:
            return ids[0]
        if ids:
            listed = " and ".join(map(str, ids))
            raise ValueError(
                f"Several facilities are named {text[:100]!r}: write the id, {listed}."
            )
        similar = process.extract(
            name, self._spellings.keys(), limit=_MAX_SUGGESTIONS, score_cutoff=_MIN_SIMILARITY
        )
        listed = ", ".join(repr(self._spellings[folded]) for folded, *_ in similar)
        hint = f" Similar names: {listed}." if listed else ""
        raise ValueError(f"No facility is named {text[:100]!r}.{hint}")

    def _read(self) -> None:
        for row in queries.rows(self._conn, "facilities/list_names"):
            self._ids.add(row.id)
            for name in (row.name, *row.aliases):
                self._ids_by_name[folding.fold(name)].add(row.id)
                self._spellings.setdefault(folding.fold(name), name)
