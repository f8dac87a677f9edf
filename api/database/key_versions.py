"""The versions of search keys: a change of the rules rebuilds the keys of a resource."""

from collections.abc import Callable

from api.database import queries


def rebuild(
    conn: queries.Connection, resource: str, sha256: bytes, write_keys: Callable[[], None]
) -> None:
    """Write the keys of all records of a resource, unless they are keys of these rules.

    `sha256` is the digest of the rules. It is stored last, so that an interrupted rebuild starts
    again.
    """
    version = {"resource": resource, "sha256": sha256}
    if not queries.row(conn, "key_versions/get", **version).is_current:
        write_keys()
        queries.run(conn, "key_versions/update", **version)
