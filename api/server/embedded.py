"""The embedded PostgreSQL of a data directory, run by supervisor processes.

`running` starts them with `python -m api.server.embedded DATA_DIR MODE`. They stop when their
standard input ends, so that PostgreSQL stops even after a kill -9 of this process. A service stops
when its supervisors have been killed, since nothing would restart its PostgreSQL.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from api.config import SERVICE_ROLE
from api.server import supervisor
from api.server.cluster import OWNER, EmbeddedError

__all__ = ["EmbeddedError", "has_store", "running", "service_url"]


def has_store(data_dir: Path) -> bool:
    """Return whether a data directory has a PostgreSQL, running or not."""
    return os.path.exists(data_dir / "pgdata")


@contextlib.contextmanager
def running(data_dir: Path, *, service: bool = False) -> Iterator[str]:
    """Yield the owner's URL of a data directory's PostgreSQL.

    A command shares the PostgreSQL that runs for a service or another command; a second service
    is an error. If both supervisors of a service are killed, this process gets a SIGTERM. Raises
    EmbeddedError with a message for the operator.
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
    is_stopping, are_lost = threading.Event(), threading.Event()

    def watch(output: int) -> None:
        os.read(output, 1)  # ends when both supervisors have ended
        if not is_stopping.is_set():
            are_lost.set()
            os.kill(parent, signal.SIGTERM)

    try:
        line = process.stdout.readline() if process.stdout else b""
        state, _, message = line.decode(errors="surrogateescape").strip().partition(" ")
        if state != "ready":
            raise EmbeddedError(
                message or f"the supervisor of {data_dir} was killed; start it again"
            )
        if service and process.stdout:
            threading.Thread(target=watch, args=[process.stdout.fileno()], daemon=True).start()
        yield message
    finally:
        # A forked worker unwinds this context at its exit, too, and must not stop PostgreSQL.
        if os.getpid() == parent:
            is_stopping.set()
            process.terminate()
            process.communicate()  # until both supervisors have ended
            if are_lost.is_set():
                raise EmbeddedError(f"both supervisors of {data_dir} were killed; start it again")


def service_url(url: str) -> str:
    """Return the URL of the same database for the role that serves requests."""
    return url.replace(f"//{OWNER}@", f"//{SERVICE_ROLE}@", 1)


if __name__ == "__main__":
    supervisor.main(Path(sys.argv[1]), service=sys.argv[2] == "service")
