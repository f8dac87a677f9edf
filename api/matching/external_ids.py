"""External ids: the key by which two are compared, and the placeholders that identify nobody.

Placeholders of names are fewer: No, Sin, Nada and Por are also names.
"""

import re
import unicodedata
from functools import lru_cache

from api.letters import folding

_HYPHENS = "-\u00ad\u2010\u2011\u2012\u2013\u2014\u2212"
_SEPARATORS = dict.fromkeys(map(ord, " \u00a0\u202f.\u00b7"), ".") | dict.fromkeys(
    map(ord, _HYPHENS), "-"
)
_NOT_BETWEEN_DIGITS = re.compile(r"(?<![\d.-])[.-]+|[.-]+(?![\d.-])")
_WITH_HYPHEN = re.compile(r"\.*-[.-]*")
_DOTS = re.compile(r"\.+")
_THOUSANDS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{3})+(?![\d.])")


def external_id_key(scheme: str, value: str) -> str:
    """The key by which an external id is compared: FP-5555, fp 5555 and FP5555 are one id.

    Dots and spaces that separate thousands are left out: V-12.345.678 is V12345678. Any other
    separator between two digits becomes a hyphen: 2024-1-12 is 2024.1.12, but not 2024-11-2.
    An id is stored as it was entered. The SQL function `external_id_key` makes the same keys.
    """
    key = value.translate(_SEPARATORS)
    if "." in key or "-" in key:
        key = _DOTS.sub(".", _WITH_HYPHEN.sub("-", _NOT_BETWEEN_DIGITS.sub("", key)))
        key = _THOUSANDS.sub(lambda match: match[0].replace(".", ""), key).replace(".", "-")
    return f"{{{scheme}}}{key.casefold()}"


_BEFORE_DIGITS = re.compile(r"(\{.*?\})([^\W\d_]*)0*(\d.*)", re.DOTALL)


def are_alike(key: str, other: str) -> bool:
    """Whether two keys differ by letters or zeros before the digits only: V-12.345.678, 12345678.

    Lists leave out the letter of a cédula, and spreadsheets the zeros. V-1 and E-1 are not alike.
    """
    first, second = _BEFORE_DIGITS.fullmatch(key), _BEFORE_DIGITS.fullmatch(other)
    if first is None or second is None or first.group(1, 3) != second.group(1, 3):
        return False
    return first[2].endswith(second[2]) or second[2].endswith(first[2])


# In English, Spanish and Portuguese, and some in Russian and Belarusian: folded words.
_PLACEHOLDER = re.compile(
    r"""
    n\ ?[acd] | s\ ?[cdin] | nan | tb[acd] | test
    | (?:no|none|not|nil|null|without)\b\D*
    | blank | missing | pending | to\ be\ \D* | un(?:assigned|documented|identified|known)
    | (?:no|ningun[ao]?|nada|sin)\b\D*
    | (?:se\ )?desconoc\w* | en\ (?:blanco|tramite) | ignorad[ao] | indocumentad[ao] | pendiente
    | por\ \D*
    | (?:nao|nenhuma?|sem)\b\D* | a\ (?:confirmar|determinar|verificar)
    | desconhecid[ao] | em\ (?:branco|tramite) | pendente
    | (?:без|не(?:указан\w*)?|нет|няма)\b\D* | \N{CYRILLIC SMALL LETTER BE}\ ?н | неизвест\w*
    | невядома | отсутств\w*
    """,
    re.VERBOSE,
)
_LABELS = re.compile(
    r"\A(?:(?:[cdeijnpv]|ced|cedula|cc|ci|cpf|dni|doc|documento?|id|nro?|num|number|numero"
    r"|pasaporte|passport|registro|rg)(?: |\Z))+"
)
"""Words before a number that are no part of it: V-0, C.I. 0, Nro. 0."""
_REPEATED = re.compile(r"0+|x+|(\d)\1{3,}")


@lru_cache(maxsize=1 << 10)
def is_placeholder(value: str) -> bool:
    """Whether a value identifies nobody: S/N, 0, N/A, sin cédula, 9999, XXX, -."""
    text = folding.fold(value.replace("_", " "))
    number = _LABELS.sub("", text)
    if _PLACEHOLDER.fullmatch(text) or _PLACEHOLDER.fullmatch(number):
        return True
    characters = number.replace(" ", "")
    return not characters or bool(_REPEATED.fullmatch(characters))


# What stands for a name, in English, Spanish and Portuguese: folded words.
_TOTAL = r"""
    (?:(?:gran|grand|sub|suma)\ ?)?total(?:es|s)?
    (?:\ (?:general|geral|de|del|of|detenid|det[ai]|people|person|pres[oa]|prisoner|\d).*)?
"""
_PEOPLE = r"""
    (?:adolescente|ciudadan[oa]|detainee|detenid[oa]|detid[oa]|female|hombre|homem|male|man|menor
    |mujer|mulher|name|nombre|nome|person|persona|pessoa|pres[oa]|prisoner|woman)
"""
_NAMELESS = r"""
    nn | n\ n | anonim[oa] | anonymous | (?:no|sem|sin|without)\ (?:a\ )?(?:name|nombres?|nome)
    | unnamed | unknown | unidentified | desconocid[oa] | desconhecid[oa]
    | (?:no|nao|not|sin|sem)\ (?:identifica\w+|identified|known|available|disponible|disponivel)
    | (?:por|a|sin|sem)\ (?:confirmar|determinar|establecer|identificar|precisar|verificar)
    | to\ be\ (?:confirmed|determined|identified|verified) | tb[acd]
    | (?:sin|sem)\ (?:dados?|datos?|informa\w+)
"""
_PLACEHOLDER_NAME = re.compile(
    rf"{_TOTAL} | (?:{_PEOPLE}\ )?(?:{_NAMELESS})(?:\ {_PEOPLE})?(?:\ \d+)?", re.VERBOSE
)
# With dots these may be the initials of a person.
_ABBREVIATION = re.compile(r"[ns] ?/ ?[acdin]", re.IGNORECASE)
_COLON = re.compile("[:\uff1a]")


def is_note(name: str) -> bool:
    """Whether a text is not the name of one person: Fuente: familiares, 3 adolescentes.

    It has a colon, or a word of digits without a letter. S/1 is a rank, Wi11iams a typing error.
    """
    return bool(_COLON.search(name)) or any(
        any(map(str.isdigit, word)) and not any(map(str.isalpha, word)) for word in name.split()
    )


_MINOR = re.compile(r"\b(?:menor de (?:edad|idade)|adolescente)\b")
# In brackets, or at the end after a sign: García-Menor and R. Menor have a surname, Vargas, Minor a
# given name. NNA are niños, niñas y adolescentes.
_MINOR_APART = re.compile(
    r"[(\[<](?:\W*niñ[oa]|[^)\]>]*\b(?:menor|minor|nna))\b"
    "|(?:\\s[-\u2013\u2014]|[,;/*])\\s*menor\\W*\\Z",
    re.IGNORECASE,
)


def names_minor(name: str) -> bool:
    """Whether a name says that the person is a minor: Ana Ruiz (menor). Menor is also a surname."""
    return bool(_MINOR.search(folding.fold(name)) or _MINOR_APART.search(_composed(name)))


_MINOR_BEFORE = re.compile(r"(?:la |el )?(?:niñ[oa]|menor) ", re.IGNORECASE)


def may_name_minor(name: str) -> bool:
    """Whether a name begins with a word for a minor that is a surname, too: Niño Guerrero Luis."""
    return bool(_MINOR_BEFORE.match(_composed(name)))


def _composed(name: str) -> str:
    """A file of macOS may have the ñ as two characters, and one of East Asia wide brackets."""
    return unicodedata.normalize("NFKC", name)


def is_placeholder_name(name: str) -> bool:
    """Whether a name names nobody: Total: 53, Sin nombre, N.N., S/N, 123, ???."""
    if not any(map(str.isalpha, name)):
        return True
    return bool(_ABBREVIATION.fullmatch(name) or _PLACEHOLDER_NAME.fullmatch(folding.fold(name)))
