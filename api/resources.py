"""Files of the distribution: the contract and the SQL, and digests of modules."""

import hashlib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

_PACKAGE = Path(str(files("api")))


def path(name: str) -> Path:
    """Return the path of `openapi.yaml` or `sql`: in `api/_data` of a wheel, else next to `api`."""
    installed = _PACKAGE / "_data" / name
    return installed if installed.exists() else _PACKAGE.parent / name


def digest(names: Iterable[str], *versions: str) -> bytes:
    """Return the SHA-256 of files of the package `api`, and of the versions of what they use."""
    contents = ((_PACKAGE / name).read_bytes() for name in names)
    return hashlib.sha256(b"".join(contents) + repr(versions).encode()).digest()
