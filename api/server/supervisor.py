"""Who keeps a data directory's PostgreSQL running: a pair of processes, so that either may die.

One works, the other waits and goes on for it if it is killed; a worker whose second is killed
takes another. The lock of the directory is theirs together, and free once both are gone.
"""

import contextlib
import errno
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

from api.server.cluster import FAST, IMMEDIATE, SMART, EmbeddedError, Postgres, ended, say

STOP = {signal.SIGTERM, signal.SIGINT}


def tell(words: str) -> None:
    """A line to `running`, which may be gone by now."""
    with contextlib.suppress(OSError):
        print(words, flush=True)


class Keeper:
    """Holds the lock of a data directory, and keeps its PostgreSQL running meanwhile."""

    def __init__(self, data_dir: Path, service: bool) -> None:
        self.service = service
        self.user = os.getppid()  # whom a second service is told to stop
        self.second = 0  # who waits for us
        self.worker = 0  # whom we wait for
        self.nothing = os.open(os.devnull, os.O_RDONLY)
        for number in STOP:
            signal.signal(number, self.leave)
        self.postgres = Postgres(data_dir)
        self.data_dir = self.postgres.data_dir
        self.lock = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)

    def leave(self, *_: object) -> None:
        """Do as at the end of stdin: we, the worker that we wait for, and any that follow it."""
        os.dup2(self.nothing, 0)
        if self.worker:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.worker, signal.SIGTERM)

    def work(self) -> None:
        """Keep PostgreSQL running until the end of our stdin; or tell of one to share."""
        if url := self.take_lock():
            tell(f"ready {url}")
            return
        self.pair()
        try:
            # Of a killed worker's PostgreSQL we take over the watch; of its first start, nothing.
            if not self.noted()[1]:
                self.postgres.clear()
                self.postgres.create()
                self.postgres.start()
                self.postgres.create_database()
                self.note(self.postgres.url)
                tell(f"ready {self.postgres.url}")
            self.watch()
        finally:
            self.postgres.stop(*([] if self.service else [SMART]), FAST, IMMEDIATE)
            self.postgres.clean()

    def take_lock(self) -> str:
        """Take the lock; or the URL of the PostgreSQL of its holder, which a command may share."""
        began, told = time.monotonic(), False
        while True:
            try:
                # Not lockf: this lock is of the open file, and goes on with whoever inherits it.
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EAGAIN):
                    raise
            else:
                self.note("")
                return ""
            pid, url = self.noted()
            waited = time.monotonic() - began
            if self.service and waited > 5:
                raise EmbeddedError(f"{self.data_dir} is in use by process {pid}: stop it first")
            if not self.service and url and self.postgres.answers(url):
                return url
            if waited > 10 and not told:
                say(f"waiting for the PostgreSQL of process {pid}")
                told = True
            if ended(0.1):
                sys.exit()

    def note(self, url: str) -> None:
        """Tell in the lock file who uses PostgreSQL, and where it is once it is ready."""
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, f"{self.user}\n{url}".encode(), 0)

    def noted(self) -> tuple[str, str]:
        """The pid and the URL of the lock file."""
        pid, _, url = os.pread(self.lock, 4096, 0).decode().partition("\n")
        return pid, url

    def pair(self) -> None:
        """Go on in a child, and stay behind only to replace it if it is killed."""
        while True:
            second = os.getpid()
            # A signal comes either before there is a child, or when we know it.
            signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
            self.worker = os.fork()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
            if not self.worker:
                self.second = second
                return
            _, status = os.waitpid(self.worker, 0)
            self.worker = 0
            if not os.WIFSIGNALED(status):
                os._exit(os.waitstatus_to_exitcode(status))
            say("what keeps PostgreSQL running was killed; going on in its place")
            time.sleep(0.5)  # lest one that always dies at once keep the machine busy

    def watch(self) -> None:
        """Start PostgreSQL again whenever it ends, until we are told to stop."""
        while not ended(0.5):
            if os.getppid() != self.second:
                self.pair()
            if not self.postgres.alive():
                say("PostgreSQL has ended; starting it again")
                try:
                    self.postgres.start(again=True)
                except (EmbeddedError, OSError) as error:
                    say(str(error))


def main(data_dir: Path, *, service: bool) -> None:
    """Be the keeper of a directory; each fault becomes a line on stdout, for `running`."""
    try:
        Keeper(data_dir, service).work()
    except EmbeddedError as error:
        fault = str(error)
    except OSError as error:
        fault = f"PostgreSQL cannot run in {data_dir}: {error.strerror} ({error.filename})"
    else:
        return
    tell(" ".join(["failed", *fault.split()]))
    sys.exit(1)
