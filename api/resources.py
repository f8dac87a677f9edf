"""Files of the distribution outside of the Python modules: the contract and the SQL."""

from importlib.resources import files
from pathlib import Path

_PACKAGE = Path(str(files("api")))


def path(name: str) -> Path:
    """The path of `openapi.yaml` or `sql`: in a wheel in `api/_data`, else next to `api`."""
    installed = _PACKAGE / "_data" / name
    return installed if installed.exists() else _PACKAGE.parent / name
