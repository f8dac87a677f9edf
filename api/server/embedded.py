"""PostgreSQL for those who have none: started, watched and stopped by processes of its own.

`running` starts them, the keeper (`python -m api.embedded DATA_DIR`). The keeper ends once nobody
holds the other end of its stdin, so that PostgreSQL stops even after a kill -9 of us.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from api.database.connections import SERVICE
from api.server import supervisor
from api.server.cluster import OWNER, EmbeddedError

__all__ = ["EmbeddedError", "running", "service_url"]


@contextlib.contextmanager
def running(data_dir: Path, *, service: bool = False) -> Iterator[str]:
    """Yield the owner's URL of a directory's PostgreSQL; a command shares the one that runs."""
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    mode = "service" if service else "command"
    kept = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "api.server.embedded", os.path.abspath(data_dir), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8:surrogateescape"},
        start_new_session=True,  # a terminal's Ctrl-C is for us alone
    )
    parent = os.getpid()
    try:
        line = kept.stdout.readline() if kept.stdout else b""
        word, _, rest = line.decode(errors="surrogateescape").strip().partition(" ")
        if word != "ready":
            raise EmbeddedError(rest or f"what keeps PostgreSQL in {data_dir} was killed")
        yield rest
    finally:
        # A forked worker that exits comes by here too, and must leave PostgreSQL to the others.
        if os.getpid() == parent:
            kept.terminate()
            kept.communicate()  # until all that keep it are gone, also if the first was killed


def service_url(url: str) -> str:
    """The URL of the same PostgreSQL for the login that serves."""
    return url.replace(f"//{OWNER}@", f"//{SERVICE}@", 1)


if __name__ == "__main__":
    supervisor.main(Path(sys.argv[1]), service=sys.argv[2] == "service")
