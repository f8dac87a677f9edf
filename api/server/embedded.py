"""The embedded PostgreSQL of a data directory, run by supervisor processes.

`running` starts them with `python -m api.server.embedded DATA_DIR MODE`. They stop when their
standard input ends, so that PostgreSQL stops even after a kill -9 of this process.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from api.config import SERVICE_ROLE
from api.server import supervisor
from api.server.cluster import OWNER, EmbeddedError

__all__ = ["EmbeddedError", "running", "service_url"]


@contextlib.contextmanager
def running(data_dir: Path, *, service: bool = False) -> Iterator[str]:
    """Yield the owner's URL of a data directory's PostgreSQL.

    A command shares the PostgreSQL that runs for a service or another command; a second service
    is an error. Raises EmbeddedError with a message for the operator.
    """
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    mode = "service" if service else "command"
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "api.server.embedded", os.path.abspath(data_dir), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8:surrogateescape"},
        start_new_session=True,  # so that Ctrl-C in a terminal signals this process only
    )
    parent = os.getpid()
    try:
        line = process.stdout.readline() if process.stdout else b""
        state, _, message = line.decode(errors="surrogateescape").strip().partition(" ")
        if state != "ready":
            raise EmbeddedError(message or f"the supervisor of {data_dir} was killed")
        yield message
    finally:
        # A forked worker unwinds this context at its exit, too, and must not stop PostgreSQL.
        if os.getpid() == parent:
            process.terminate()
            process.communicate()  # until both supervisors have ended


def service_url(url: str) -> str:
    """Return the URL of the same database for the role that serves requests."""
    return url.replace(f"//{OWNER}@", f"//{SERVICE_ROLE}@", 1)


if __name__ == "__main__":
    supervisor.main(Path(sys.argv[1]), service=sys.argv[2] == "service")
