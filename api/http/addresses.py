"""From where a request comes: the peer, or whoever the proxies that are trusted name."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import AF_INET, inet_pton

from api.config import Network


def network(peer: str, forwarded_for: str | None, trusted: Sequence[Network]) -> bytes:
    """Where a request comes from: an address of IPv4, or a network of IPv6, 64 bits, which is what
    one customer has."""
    if trusted and forwarded_for is not None:
        peer = _caller(peer, forwarded_for, trusted)
    try:
        return inet_pton(AF_INET, peer)
    except OSError:
        address = _address(peer)
    if address is None:
        return b""
    return address.packed if isinstance(address, IPv4Address) else address.packed[:8]


def _caller(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """Each proxy adds to `X-Forwarded-For` by whom it was asked. So the list is read from its end
    for as long as who added to it is trusted: what is before that anybody may have written."""
    for named in reversed(forwarded_for.split(",")):
        address = _address(peer)
        if address is None or not any(address in network for network in trusted):
            break
        if _address(named) is None:
            break
        peer = named.strip()
    return peer


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    # A socket for both kinds tells an address of IPv4 as one of IPv6.
    return getattr(address, "ipv4_mapped", None) or address
