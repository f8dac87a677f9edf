"""The versions of search keys: the keys of a resource are made anew when their rules change."""

from collections.abc import Callable

from api.database import queries


def rebuild(
    conn: queries.Connection, resource: str, sha256: bytes, write_keys: Callable[[], None]
) -> None:
    """Write the keys of all records of a resource, unless they were made by these rules.

    `sha256` is the digest of the rules. It is stored last, so that an interrupted rebuild begins
    anew.
    """
    version = {"resource": resource, "sha256": sha256}
    if not queries.row(conn, "key_versions/get", **version).is_current:
        write_keys()
        queries.run(conn, "key_versions/update", **version)
