"""The wheel and the sdist, built, installed outside of the repository, and run there."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import CASES
from tests.support import Client, Service, data_dir, environment, wait_until

ROOT = Path(__file__).parents[2]
EXAMPLE = CASES / "venezuela-2026-01-08.json"


class InstalledService(Service):
    """`constancia serve` as installed."""

    executable: Path

    def serve(self, port: int) -> list[str]:
        return [str(self.executable), "serve", "--port", str(port)]


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel built from it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def installed(distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in a new virtual environment, which borrows only the dependencies from ours."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder)
    python = folder / "bin" / "python"
    # Our pip installs there: to install another one first takes 4 s of CPU time.
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run(
        [*pip, "install", "-q", "--no-index", "--no-deps", str(distributions[1])],
        check=True,
        cwd=folder,
        capture_output=True,
    )
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    # A .pth file adds the folder after the installed package, and ignores the .pth files in it.
    (Path(paths["purelib"]) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "constancia"


def run(command: Path, *arguments: object, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run the installed command outside of the repository."""
    return subprocess.run(
        [str(command), *map(str, arguments)],
        env=environment(PYTHONPATH="", **settings),
        cwd=command.parent,
        capture_output=True,
        text=True,
    )


def test_wheel_and_sdist_contain_the_contract_and_the_sql(
    distributions: tuple[Path, Path],
) -> None:
    sdist, wheel = distributions
    sql = {str(file.relative_to(ROOT)) for file in (ROOT / "sql").rglob("*.sql")}
    with zipfile.ZipFile(wheel) as archive:
        assert {f"api/_data/{name}" for name in (*sql, "openapi.yaml")} <= {*archive.namelist()}
        assert archive.read("api/_data/openapi.yaml") == (ROOT / "openapi.yaml").read_bytes()
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {*sql, "openapi.yaml", "pyproject.toml", "LICENSE"} <= names


def test_installed_command_prints_its_version(installed: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert run(installed, "--version").stdout == f"constancia, version {project['version']}\n"


def test_installed_command_uses_the_installed_package(installed: Path) -> None:
    python = installed.with_name("python")
    code = "import api, api.contract.document as d; print(api.__file__, d.FILE)"
    for path in run(python, "-c", code).stdout.split():
        assert Path(path).is_relative_to(installed.parents[1])


def test_installed_service_serves_loads_counts_and_is_examined(installed: Path) -> None:
    InstalledService.executable = installed
    with data_dir(new=True) as directory:
        place = {"CONSTANCIA_DATA_DIR": str(directory)}
        loaded = run(installed, "load", EXAMPLE, **place)
        assert loaded.returncode == 0, loaded.stderr
        created = run(installed, "keys", "create", "--name", "us", "--scope", "edit", **place)
        assert created.returncode == 0, created.stderr
        service = InstalledService(directory, workers=1, PYTHONPATH="")
        try:
            wait_until(service.ready, "ready")
            with Client(service.port, created.stdout.strip()) as client:
                counts = client.get("/v1/counts?as_of=2026-01-09T16:00:00Z")
                assert counts["confirmed"] == 1
                assert client.source("Puertas")
                assert client.exchange("GET", "/docs")[0] == 200
            counted = run(installed, "counts", "--as-of", "2026-01-09T16:00:00Z", **place)
            assert "confirmed         1" in counted.stdout
            examined = run(installed, "doctor", **place)
            assert examined.returncode == 0, examined.stdout + examined.stderr
        finally:
            service.stop()
            service.kill()


def test_nginx_script_is_installed_executable(installed: Path) -> None:
    (script,) = installed.parents[1].rglob("nginx.sh")
    assert os.access(script, os.X_OK)
