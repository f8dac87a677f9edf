"""The settings, read from the environment and nowhere else. The README lists them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

Network = IPv4Network | IPv6Network

_MOST = 999_999_999


@dataclass(frozen=True, slots=True)
class Config:
    database_url: str | None
    owner_database_url: str | None
    data_dir: Path
    threads: int
    metrics_port: int | None
    requests_per_address: int
    requests_per_key: int
    trusted_proxies: tuple[Network, ...]
    allow_unsafe_durability: bool
    security_contact: str | None


def read(environ: Mapping[str, str] = os.environ) -> Config:
    """The settings of this process. Raises ValueError with a sentence for a person."""
    database_url = environ.get("DATABASE_URL") or None
    owner_database_url = environ.get("CONSTANCIA_OWNER_DATABASE_URL") or None
    if owner_database_url and not database_url:
        raise ValueError("CONSTANCIA_OWNER_DATABASE_URL is beside DATABASE_URL: set both.")
    return Config(
        database_url=database_url,
        owner_database_url=owner_database_url,
        data_dir=Path(environ.get("CONSTANCIA_DATA_DIR") or ".constancia"),
        threads=_positive(environ, "CONSTANCIA_THREADS", 1000) or 8,
        metrics_port=_positive(environ, "CONSTANCIA_METRICS_PORT", 65535),
        requests_per_address=_positive(environ, "CONSTANCIA_REQUESTS_PER_ADDRESS", _MOST) or 1200,
        requests_per_key=_positive(environ, "CONSTANCIA_REQUESTS_PER_KEY", _MOST) or 6000,
        trusted_proxies=_networks(environ, "CONSTANCIA_TRUSTED_PROXIES"),
        allow_unsafe_durability=_flag(environ, "CONSTANCIA_ALLOW_UNSAFE_DURABILITY"),
        security_contact=_contact(environ, "CONSTANCIA_SECURITY_CONTACT"),
    )


def _positive(environ: Mapping[str, str], name: str, most: int) -> int | None:
    value = environ.get(name)
    if not value:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8}", value) or int(value) > most:
        raise ValueError(f"{name} must be a whole number from 1 to {most}, not {value[:20]!r}.")
    return int(value)


def _contact(environ: Mapping[str, str], name: str) -> str | None:
    """As RFC 9116, section 2.5.3, has it."""
    value = environ.get(name) or None
    if value and not re.fullmatch(r"(mailto:|https://|tel:)[!-~]+", value):
        raise ValueError(
            f"{name} must be an address such as mailto:security@example.org or https://example.org."
        )
    return value


def _networks(environ: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        parts = environ.get(name, "").split(",")
        return tuple(ip_network(part.strip()) for part in parts if part.strip())
    except ValueError:
        raise ValueError(
            f"{name} must be addresses or networks, as 127.0.0.1,10.0.0.0/8, with commas."
        ) from None


def _flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name) or "0"
    if value not in {"0", "1"}:
        raise ValueError(f"{name} must be 0 or 1, not {value!r}.")
    return value == "1"
