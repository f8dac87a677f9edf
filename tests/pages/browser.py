"""Debian's chromium, driven over a pipe by the DevTools protocol, so that tests need no driver.

Pages cannot run scripts, nor reach another origin. Tests can evaluate scripts in them.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from typing import Any

CHROMIUM = shutil.which("chromium")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--remote-debugging-pipe",
    # No other origin can be reached.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
)
# chromium reads commands from descriptor 3 and writes to descriptor 4.
_START = (
    "import os, sys; read, write = map(int, sys.argv[1:3]); os.dup2(read, 3); os.dup2(write, 4); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)


class Browser:
    """One tab."""

    def __init__(self, commands: RawIOBase, events: BufferedReader) -> None:
        self._commands = commands
        self._events = events
        self._number = 0
        self._session: str | None = None
        self._frame = self._document = ""
        # What the browser reports of pages besides failed requests, such as what a policy blocks.
        self.logged: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        # The id of a target is also that of its main frame.
        self._frame = target
        self.call("Page.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        self.call("Log.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol, and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        while (event := self._read()).get("id") != self._number:
            pass
        assert "error" not in event, event
        return event["result"]

    def open(
        self, url: str, width: int = 1280, *, dark: bool = False, scripts: bool = False
    ) -> None:
        """Open a page in a window of this width, and wait until it is shown.

        Without `scripts`, no promise of the test's own script is ever kept.
        """
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 700,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        asked = self.call("Page.navigate", url=url)["loaderId"]
        while self._document != asked:  # about:blank may be loaded late
            self._read()

    def evaluate(self, script: str) -> Any:
        """Return the value of a script, which may be a promise."""
        result = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key: str) -> None:
        """Press Tab or Enter, or type a text."""
        codes = {"Tab": 9, "Enter": 13}
        if key not in codes:
            self.call("Input.insertText", text=key)
            return
        code = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **code)

    def follow(self) -> None:
        """Press Enter, and wait for the page that it leads to."""
        left = self._document
        self.press("Enter")
        while self._document == left:
            self._read()

    def focus(self, part: str) -> None:
        """Press Tab until the focus is on an element whose address or id has this part."""
        script = "document.activeElement.getAttribute('href') || document.activeElement.id"
        for _ in range(100):
            self.press("Tab")
            if part in (self.evaluate(script) or ""):
                return
        raise AssertionError(f"the keyboard does not reach {part}")

    def _read(self) -> Any:
        message = bytearray()
        while (byte := self._events.read(1)) != b"\0":
            assert byte, "chromium ended"
            message += byte
        event = json.loads(message)
        shown = event.get("params", {})
        # It may come before the response to the call that causes it.
        if (shown.get("frameId"), shown.get("name")) == (self._frame, "load"):
            self._document = shown["loaderId"]
        if event.get("method") == "Log.entryAdded":
            entry = event["params"]["entry"]
            self.logged += [entry["text"]] * (entry["source"] != "network")
        return event


@contextmanager
def running() -> Iterator[Browser]:
    """Start chromium, and yield its tab."""
    assert CHROMIUM
    from_test, to_browser = os.pipe()
    from_browser, to_test = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        read, write = (fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (from_test, to_test))
        command = [CHROMIUM, *_OPTIONS, f"--user-data-dir={profile}"]
        process = subprocess.Popen(
            [sys.executable, "-c", _START, str(read), str(write), *command],
            pass_fds=(read, write),
            stderr=subprocess.DEVNULL,
        )
        for fd in (from_test, to_test, read, write):
            os.close(fd)
        with (
            os.fdopen(to_browser, "wb", buffering=0) as commands,
            os.fdopen(from_browser, "rb") as events,
        ):
            try:
                yield Browser(commands, events)
            finally:
                process.kill()
                process.wait()
