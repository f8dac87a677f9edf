"""Countries by the words that lists use for them: ISO 3166-1 codes, names and nationalities in
English and Spanish. Those whose people are found on lists of detainees; any other by its code."""

from collections.abc import Mapping
from functools import cache

from api.contract import document
from api.matching import folding

# Names and nationalities; a nationality in -o stands for that in -a too.
_WORDS: Mapping[str, str] = {
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
    for code, words in _WORDS.items()
    for word in words.split("|")
    for form in {word, word.removesuffix("o") + "a" if word.endswith("o") else word}
}


def code(word: str) -> str | None:
    """The code of a country that is known by this word."""
    if word.upper() in _known():
        return word.upper()
    return _CODES.get(folding.fold(word))


@cache
def _known() -> frozenset[str]:
    return frozenset(document.load().schema("Country")["enum"])
