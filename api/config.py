"""The settings, read from the environment only. api/server/README.md describes each."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import zip_longest
from pathlib import Path
from typing import Literal, cast, get_args

from api.contract import time_zones

Network = IPv4Network | IPv6Network
Language = Literal["en", "es"]

DEFAULT_TIME_ZONE = "UTC"
DEFAULT_LANGUAGE: Language = "en"

SERVICE_ROLE = "constancia_service"
"""The database role that serves requests. It cannot change or delete recorded data."""

_MAX_THREADS = 1000
_MAX_PORT = 65_535
_MAX_REQUESTS = 999_999_999
# A scheme, a host of ASCII letters or an IP address, a port, and what follows them.
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9][a-z0-9.-]{0,252}|\[[0-9a-f:.]{2,45}\])"
    r"(:(?P<port>[0-9]{1,5}))?(?P<rest>([/?#][!-~]*)?)",
    re.ASCII | re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PREFIX = "CONSTANCIA_"
# Of nginx.sh, which passes its environment on.
_SETTINGS_OF_NGINX = ("CONNECTIONS_PER_ADDRESS", "RATE_PER_ADDRESS")
# Kubernetes sets names such as CONSTANCIA_SERVICE_PORT: these are no misspelled settings.
_MIN_SIMILARITY = 0.85
_MIN_CUT_WORD = 3


@dataclass(frozen=True, slots=True)
class Config:
    """The settings, with the value of each that is not set."""

    database_url: str | None = None
    owner_database_url: str | None = None
    data_dir: Path = Path(".constancia")
    threads: int = 8
    metrics_port: int | None = None
    requests_per_address: int = 1200
    requests_per_key: int = 6000
    trusted_proxies: tuple[Network, ...] = ()
    allow_unsafe_durability: bool = False
    security_contact: str | None = None
    time_zone: str = DEFAULT_TIME_ZONE
    language: Language = DEFAULT_LANGUAGE
    # Of the data: an SPDX identifier, or the address of the text.
    data_license: str | None = None
    # With a slash at its end.
    public_url: str | None = None


def read(environ: Mapping[str, str] = os.environ) -> Config:
    """Return the settings. Raises ValueError with a message for the operator."""
    _check_names(environ)
    database_url = environ.get("DATABASE_URL") or None
    owner_database_url = environ.get("CONSTANCIA_OWNER_DATABASE_URL") or None
    if owner_database_url and not database_url:
        raise ValueError("CONSTANCIA_OWNER_DATABASE_URL needs DATABASE_URL: set both or neither.")

    unset = Config()
    return Config(
        database_url=database_url,
        owner_database_url=owner_database_url,
        data_dir=Path(environ.get("CONSTANCIA_DATA_DIR") or unset.data_dir),
        threads=_positive(environ, "CONSTANCIA_THREADS", _MAX_THREADS) or unset.threads,
        metrics_port=_positive(environ, "CONSTANCIA_METRICS_PORT", _MAX_PORT),
        requests_per_address=_positive(environ, "CONSTANCIA_REQUESTS_PER_ADDRESS", _MAX_REQUESTS)
        or unset.requests_per_address,
        requests_per_key=_positive(environ, "CONSTANCIA_REQUESTS_PER_KEY", _MAX_REQUESTS)
        or unset.requests_per_key,
        trusted_proxies=_networks(environ, "CONSTANCIA_TRUSTED_PROXIES"),
        allow_unsafe_durability=_flag(environ, "CONSTANCIA_ALLOW_UNSAFE_DURABILITY"),
        security_contact=_contact(environ, "CONSTANCIA_SECURITY_CONTACT"),
        time_zone=_time_zone(environ, "CONSTANCIA_TIME_ZONE"),
        language=_language(environ, "CONSTANCIA_LANGUAGE"),
        data_license=_license(environ, "CONSTANCIA_DATA_LICENSE"),
        public_url=_public_url(environ, "CONSTANCIA_PUBLIC_URL"),
    )


def _check_names(environ: Mapping[str, str]) -> None:
    """Raise ValueError for a misspelled setting, which would be left at its default unnoticed."""
    endings = [field.name.upper() for field in fields(Config)]
    names = {ending: f"{_PREFIX}{ending}" for ending in (*endings, *_SETTINGS_OF_NGINX)}
    names["DATABASE_URL"] = "DATABASE_URL"
    for name in environ:
        if name.upper().startswith(_PREFIX) and name not in names.values():
            ending = name.upper().removeprefix(_PREFIX)
            near = get_close_matches(ending, names, 1, _MIN_SIMILARITY)
            if near or (near := [name for name in names if _has_cut_words(ending, name)]):
                raise ValueError(
                    f"{name[:100]} is not a setting: use {names[near[0]]}, or unset it."
                )


def _has_cut_words(ending: str, other: str) -> bool:
    """Return whether two names differ only in words cut short: LANG, DATA_DIRECTORY."""
    pairs = zip_longest(ending.split("_"), other.split("_"), fillvalue="")
    return all(
        len(short) >= _MIN_CUT_WORD and long.startswith(short)
        for short, long in (sorted(pair, key=len) for pair in pairs)
    )


def _positive(environ: Mapping[str, str], name: str, maximum: int) -> int | None:
    value = environ.get(name)
    if not value:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8}", value) or int(value) > maximum:
        raise ValueError(f"{name} is {value[:20]!r}: use an integer from 1 to {maximum}.")
    return int(value)


def _contact(environ: Mapping[str, str], name: str) -> str | None:
    """A contact URI (RFC 9116, section 2.5.3)."""
    value = environ.get(name) or None
    if value and not re.fullmatch(r"(mailto:|https://|tel:)[!-~]+", value):
        raise ValueError(
            f"{name} is {value[:100]!r}: use a URI such as mailto:security@example.org "
            "or https://example.org/security."
        )
    return value


def _license(environ: Mapping[str, str], name: str) -> str | None:
    value = environ.get(name) or None
    if value and not re.fullmatch(r"[A-Za-z0-9.+-]{1,100}|https://[!-~]{1,500}", value):
        raise ValueError(
            f"{name} is {value[:100]!r}: use an SPDX identifier such as CC-BY-4.0, "
            "or the https address of the license."
        )
    return value


def _public_url(environ: Mapping[str, str], name: str) -> str | None:
    """A scheme and a host, without a path: the service links to paths from the root of the host."""
    value = environ.get(name)
    if not value:
        return None
    match = _ORIGIN.fullmatch(value)
    if match is None or int(match["port"] or 0) > _MAX_PORT:
        raise ValueError(
            f"{name} is {value[:100]!r}: use the address of the service for its readers, such as "
            "https://constancia.example.org."
        )
    if match["rest"] not in ("", "/"):
        raise ValueError(
            f"{name} is {value[:100]!r}: remove {match['rest'][:100]!r}. The service is served at "
            "the root of a host."
        )
    scheme, host, port = match["scheme"].lower(), match["host"].lower(), match["port"]
    is_default = port is None or int(port) == _DEFAULT_PORTS[scheme]
    return f"{scheme}://{host}/" if is_default else f"{scheme}://{host}:{int(port)}/"


def _time_zone(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name) or DEFAULT_TIME_ZONE
    if value not in time_zones.names():
        raise ValueError(
            f"{name} is {value[:50]!r}: use the name of an IANA time zone, such as America/Caracas."
        )
    return value


def _language(environ: Mapping[str, str], name: str) -> Language:
    value = environ.get(name) or DEFAULT_LANGUAGE
    if value not in get_args(Language):
        raise ValueError(f"{name} is {value[:20]!r}: use en or es.")
    return cast(Language, value)


def _networks(environ: Mapping[str, str], name: str) -> tuple[Network, ...]:
    value = environ.get(name, "")
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        raise ValueError(
            f"{name} is {value[:100]!r}: use addresses or networks with commas between them, "
            "such as 127.0.0.1,10.0.0.0/8."
        ) from None


def _flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name) or "0"
    if value not in {"0", "1"}:
        raise ValueError(f"{name} is {value[:20]!r}: use 0 or 1.")
    return value == "1"
