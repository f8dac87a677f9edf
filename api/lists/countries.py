"""Countries of lists, as ISO 3166-1 codes.

A country is found by its code, and by names and nationalities in English and Spanish if its people
are on lists of detainees.
"""

from collections.abc import Mapping
from functools import cache

from babel.core import get_global

from api.contract import document
from api.letters import folding

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
    for code, names in _COUNTRY_NAMES.items()
    for name in names.split("|")
    for form in {name, name.removesuffix("o") + "a" if name.endswith("o") else name}
}


def code(text: str) -> str | None:
    """Return the ISO 3166-1 alpha-2 code of a country by its code, name or nationality."""
    letters = text.strip().upper()
    if letters in _known_codes():
        return letters
    # CLDR has the codes of three letters among the names that it replaced.
    if len(letters) == len("VEN"):
        replacements: list[str] = get_global("territory_aliases").get(letters, [])
        if len(replacements) == 1 and replacements[0] in _known_codes():
            return replacements[0]
    return _CODES.get(folding.fold(text))


@cache
def _known_codes() -> frozenset[str]:
    return frozenset(document.load().schema("Country")["enum"])
