"""Run tools of other projects on the contract, the pages and the data, and print their results.

Run `python -m tests.outsiders`.

The tools are installed in a temporary folder. A tool that cannot be installed is reported and does
not fail the run; a tool that finds an error does.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from api.contract import document
from tests.support import serving

NPM = [
    "@stoplight/spectral-cli",
    "@redocly/cli",
    "openapi-fetch",
    "openapi-typescript",
    "typescript@5",
    "vnu-jar",
]
# The package on PyPI contains the generator; the one on npm downloads it from elsewhere.
PIP = ["openapi-generator-cli"]
# They take 320 MB.
DATA_TOOLS = ["frictionless", "pandas", "duckdb", "sqlite-utils"]
GENERATORS = ["python", "typescript-fetch", "go", "java"]
CASE = Path(__file__).parents[1] / "cases/venezuela-2026-01-08.json"
CLIENT = Path(__file__).with_name("client.ts")
READER = Path(__file__).with_name("read_package.py")
TSC = "--strict --target es2022 --module node16 --moduleResolution node16 --lib es2022,dom"
MAX_SECONDS = 600


class ToolError(Exception):
    """A tool failed; the message is its output."""


def run(*command: str | Path, folder: Path) -> str:
    """Run a command in a folder; return its output. Raises ToolError if it fails."""
    try:
        result = subprocess.run(
            [str(argument) for argument in command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=MAX_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(str(error)) from None
    if result.returncode:
        raise ToolError(result.stdout)
    return result.stdout


class Tools:
    """The tools in a temporary folder, and the checks that they make."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.contract = folder / "openapi.yaml"
        shutil.copy(document.FILE, self.contract)

    def install_npm(self) -> None:
        run("npm", "init", "-y", folder=self.folder)
        run("npm", "install", "--no-audit", "--no-fund", *NPM, folder=self.folder)

    def install_pip(self) -> None:
        target = self.folder / "pip"
        run(sys.executable, "-m", "pip", "install", "-q", "--target", target, *PIP, folder=target)

    def install_data_tools(self) -> None:
        install = ("-m", "pip", "install", "-q", "--target", self.folder / "data_tools")
        run(sys.executable, *install, *DATA_TOOLS, folder=self.folder)

    def _npm(self, name: str, *arguments: str | Path) -> str:
        return run(self.folder / "node_modules/.bin" / name, *arguments, folder=self.folder)

    def spectral(self) -> None:
        (self.folder / "ruleset.yaml").write_text('extends: ["spectral:oas"]\n')
        self._npm("spectral", "lint", "-r", "ruleset.yaml", "-F", "error", self.contract)

    def redocly(self) -> None:
        self._npm("redocly", "lint", "--extends", "recommended", self.contract)

    def nu(self) -> None:
        """Check the HTML of a mirror of the example case, which has the pages in all languages."""
        mirror = self.folder / "mirror"
        self._of_example("site", "export", mirror, "--with-names")
        jar = self.folder / "node_modules/vnu-jar/build/dist/vnu.jar"
        run("java", "-jar", jar, "--skip-non-html", mirror, folder=self.folder)

    def _of_example(self, *arguments: str | Path) -> None:
        """Run the command on a store with the example case."""
        command = Path(sys.executable).with_name("constancia")
        options = ("--data-dir", self.folder / "example")
        run(command, "load", CASE, *options, folder=self.folder)
        run(command, *arguments, *options, folder=self.folder)

    def read_package(self) -> None:
        package = self.folder / "export.zip"
        self._of_example("export", package, "--package")
        path = f"PYTHONPATH={self.folder / 'data_tools'}"
        run("env", path, sys.executable, READER, package, folder=self.folder)

    def _generator(self, *arguments: str | Path) -> str:
        (jar,) = (self.folder / "pip").rglob("openapi-generator.jar")
        return run("java", "-jar", jar, *arguments, folder=self.folder)

    def validate(self) -> None:
        self._generator("validate", "-i", self.contract)

    def generate(self) -> None:
        for name in GENERATORS:
            client = self.folder / "generated" / name
            self._generator("generate", "-i", self.contract, "-g", name, "-o", client)

    def typescript(self) -> None:
        """Compile a client under `strict`, and confirm a release with it."""
        types = self.folder / "contract.ts"
        self._npm(
            "openapi-typescript", self.contract, "--default-non-nullable", "false", "-o", types
        )
        shutil.copy(CLIENT, self.folder)
        self._npm("tsc", *TSC.split(), CLIENT.name)
        with serving(self.folder / "data") as service:
            address = f"http://127.0.0.1:{service.port}"
            output = run("node", "client.js", address, service.key("edit"), folder=self.folder)
        expected = "unverified reported confirmed 1 released /problems/not-found"
        if output.strip() != expected:
            raise ToolError(f"The client printed {output!r} instead of {expected!r}.")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="constancia-outsiders-") as folder:
        tools = Tools(Path(folder))
        (tools.folder / "pip").mkdir()
        failed, missing = [], []

        def attempt(name: str, action: Callable[[], None]) -> bool:
            try:
                action()
            except ToolError as error:
                print(f"{name}: failed\n{error}", flush=True)
                return False
            print(f"{name}: ok", flush=True)
            return True

        checks: list[tuple[str, Callable[[], None], list[tuple[str, Callable[[], None]]]]] = [
            (
                "install from npm",
                tools.install_npm,
                [
                    ("spectral oas", tools.spectral),
                    ("redocly recommended", tools.redocly),
                    ("openapi-typescript client", tools.typescript),
                    ("Nu HTML checker", tools.nu),
                ],
            ),
            (
                "install from PyPI",
                tools.install_pip,
                [
                    ("openapi-generator validate", tools.validate),
                    (f"openapi-generator for {', '.join(GENERATORS)}", tools.generate),
                ],
            ),
            (
                "install data tools from PyPI",
                tools.install_data_tools,
                [(f"data package in {', '.join(DATA_TOOLS)}", tools.read_package)],
            ),
        ]
        for name, install, actions in checks:
            if attempt(name, install):
                failed += [check for check, action in actions if not attempt(check, action)]
            else:
                missing += [check for check, _ in actions]
    if missing:
        print(f"Not run, since their tools cannot be installed here: {', '.join(missing)}.")
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}.")


if __name__ == "__main__":
    os.environ.setdefault("REDOCLY_TELEMETRY", "off")
    main()
