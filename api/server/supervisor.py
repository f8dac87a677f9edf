"""The supervisor of a data directory's PostgreSQL: two processes. Either may be killed.

The active process watches PostgreSQL. The standby waits for the active process, and forks a new one
if it is killed. If the standby is killed, the active process forks a new active process and becomes
its standby. Both hold the lock of the directory, which is released when both have ended.
"""

import contextlib
import errno
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

from api.server.cluster import (
    FAST,
    IMMEDIATE,
    SMART,
    EmbeddedError,
    Postgres,
    command_of,
    stdin_closed,
    warn,
)

_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
_MAX_LOCK_WAIT_SECONDS = 5
# A service that was killed takes this long at most to stop its PostgreSQL.
_MAX_STOP_SECONDS = FAST[1] + IMMEDIATE[1] + 5
_WARN_AFTER_SECONDS = 10
_RESTART_DELAY_SECONDS = 0.5


def report(message: str) -> None:
    """Print a line for `running`, whose process may have ended."""
    with contextlib.suppress(OSError):
        print(message, flush=True)


def _has_ended(pid: str) -> bool:
    return pid.isdigit() and not command_of(int(pid))


class Supervisor:
    """Holds the lock of a data directory and keeps its PostgreSQL running."""

    def __init__(self, data_dir: Path, service: bool) -> None:
        self.service = service
        self.user = os.getppid()  # the process to stop before a second service can start
        self.standby = 0  # the parent, which waits for this process
        self.active = 0  # the child that this process waits for
        self.null = os.open(os.devnull, os.O_RDONLY)
        for number in _STOP_SIGNALS:
            signal.signal(number, self.stop)
        self.postgres = Postgres(data_dir)
        self.data_dir = self.postgres.data_dir
        self.lock = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)

    def stop(self, *_: object) -> None:
        """Act as if standard input had ended, in this process and in the active one."""
        os.dup2(self.null, 0)
        if self.active:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.active, signal.SIGTERM)

    def run(self) -> None:
        """Keep PostgreSQL running until standard input ends, or report the URL of one to share."""
        if url := self.take_lock():
            report(f"ready {url}")
            return
        self.fork_active()
        try:
            # The lock file has a URL if this process replaces an active one that was killed.
            if not self.read_lock()[1]:
                self.postgres.clear()
                self.postgres.create()
                self.postgres.start()
                self.postgres.create_database()
                self.write_lock(self.postgres.url)
                report(f"ready {self.postgres.url}")
            self.watch()
        finally:
            self.postgres.stop(*([] if self.service else [SMART]), FAST, IMMEDIATE)
            self.postgres.clean()

    def take_lock(self) -> str:
        """Take the lock, or return the URL of the holder's PostgreSQL for a command to share."""
        began, warned = time.monotonic(), False
        while True:
            try:
                # Not lockf: a flock belongs to the open file, which the forked processes share.
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EAGAIN):
                    raise
            else:
                self.write_lock("")
                return ""
            pid, url = self.read_lock()
            waited = time.monotonic() - began
            limit = _MAX_STOP_SECONDS if _has_ended(pid) else _MAX_LOCK_WAIT_SECONDS
            if self.service and waited > limit:
                raise EmbeddedError(f"{self.data_dir} is in use by process {pid}: stop it first")
            if not self.service and url and self.postgres.answers(url):
                return url
            if waited > _WARN_AFTER_SECONDS and not warned:
                warn(f"waiting for the PostgreSQL of process {pid}")
                warned = True
            if stdin_closed(0.1):
                sys.exit()

    def write_lock(self, url: str) -> None:
        """Write the user's pid and PostgreSQL's URL, empty until it is ready, to the lock file."""
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, f"{self.user}\n{url}".encode(), 0)

    def read_lock(self) -> tuple[str, str]:
        """Return the pid and the URL in the lock file."""
        pid, _, url = os.pread(self.lock, 4096, 0).decode().partition("\n")
        return pid, url

    def fork_active(self) -> None:
        """Return in a forked child, the active process; this one stays as its standby."""
        while True:
            standby = os.getpid()
            # A signal must arrive either before the fork or when the child's pid is known.
            signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
            self.active = os.fork()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
            if not self.active:
                self.standby = standby
                return
            _, status = os.waitpid(self.active, 0)
            self.active = 0
            # A stop signal ends only a process that exits already, and has stopped PostgreSQL.
            if not os.WIFSIGNALED(status) or os.WTERMSIG(status) in _STOP_SIGNALS:
                os._exit(os.waitstatus_to_exitcode(status))
            warn("the supervisor of PostgreSQL was killed; its standby replaces it")
            time.sleep(_RESTART_DELAY_SECONDS)  # in case each child is killed at once

    def watch(self) -> None:
        """Restart PostgreSQL whenever it ends, until standard input ends."""
        while not stdin_closed(0.5):
            if os.getppid() != self.standby:
                self.fork_active()
            if not self.postgres.alive():
                warn("PostgreSQL has ended; starting it again")
                try:
                    self.postgres.start(is_restart=True)
                except (EmbeddedError, OSError) as error:
                    warn(str(error))


def main(data_dir: Path, *, service: bool) -> None:
    """Run the supervisor of a directory; report an error as a line for `running`."""
    try:
        Supervisor(data_dir, service).run()
    except EmbeddedError as error:
        message = str(error)
    except OSError as error:
        message = (
            f"PostgreSQL cannot run in {data_dir}: {error.strerror} ({error.filename}). Correct"
            " this, or choose another directory with --data-dir"
        )
    else:
        return
    report(" ".join(["failed", *message.split()]))
    sys.exit(1)
