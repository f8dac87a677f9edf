"""Files of the distribution outside of the Python modules: the contract and the SQL."""

from importlib.resources import files
from pathlib import Path

_PACKAGE = Path(str(files("api")))


def path(name: str) -> Path:
    """Return the path of `openapi.yaml` or `sql`: in `api/_data` of a wheel, else next to `api`."""
    installed = _PACKAGE / "_data" / name
    return installed if installed.exists() else _PACKAGE.parent / name
