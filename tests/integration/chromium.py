"""
A real browser for tests: headless Chromium, driven over a pipe.

Source: Chrome DevTools Protocol, https://chromedevtools.github.io/devtools-protocol/.
"""

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import SkipTest

PATIENCE = 60.0

# Chromium reads commands from 3 and writes answers to 4, each closed by a NUL.
LAUNCHER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def program() -> str:
    """
    Chromium's path.

    :raise SkipTest: If it is not installed; a failure where ``CI`` is set.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is not None:
        return found
    if os.environ.get("CI"):
        raise AssertionError("chromium is missing: apt-get install chromium")
    raise SkipTest("chromium IS MISSING: apt-get install chromium")


class Chromium:
    """
    A running browser.

    :ivar events: What it told without being asked, in order.
    """

    def __init__(self, folder: Path) -> None:
        """Start it, with its profile in a folder."""
        self.events: list[dict[str, Any]] = []
        self._count = 0
        self._buffer = b""
        commands, self._commands = _pipe()
        self._answers, answers = _pipe()
        arguments = [
            *(sys.executable, "-c", LAUNCHER, str(commands), str(answers)),
            program(),
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-sandbox",  # it refuses to run as root otherwise
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--proxy-server=127.0.0.1:9",  # loopback is not proxied; all else fails
            f"--user-data-dir={folder}",
        ]
        self._process = subprocess.Popen(
            arguments,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(commands, answers),
            start_new_session=True,
        )
        os.close(commands)
        os.close(answers)

    def stop(self) -> None:
        """End it, and all of its processes."""
        os.close(self._commands)
        os.close(self._answers)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)

    def call(self, method: str, session: str | None = None, **params: Any) -> Any:
        """Run a command; its result."""
        self._count += 1
        number = self._count
        command = {"id": number, "method": method, "params": params}
        if session is not None:
            command["sessionId"] = session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self.events.append(message)

    def wait_for(self, method: str) -> Any:
        """Wait for an event, past or to come; its parameters. It is taken away."""
        while True:
            for event in self.events:
                if event.get("method") == method:
                    self.events.remove(event)
                    return event["params"]
            self.events.append(self._next())

    def _next(self) -> Any:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._answers], [], [], max(left, 0))
            assert ready, "Chromium does not answer"
            piece = os.read(self._answers, 1 << 20)
            assert piece, "Chromium has ended"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


class Tab:
    """A page, as a person sees it."""

    def __init__(self, browser: Chromium) -> None:
        self._browser = browser
        # A context of its own: no cookies, no cache of others.
        context = browser.call("Target.createBrowserContext")["browserContextId"]
        target = browser.call(
            "Target.createTarget", url="about:blank", browserContextId=context
        )["targetId"]
        self._session = browser.call(
            "Target.attachToTarget", targetId=target, flatten=True
        )["sessionId"]
        browser.events.clear()
        for domain in ("Page", "Network", "Log", "Audits"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """Run a command in this page."""
        return self._browser.call(method, self._session, **params)

    def open(self, url: str, language: str = "en") -> None:
        """Go to an address."""
        self.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        self.call("Page.navigate", url=url)
        self._browser.wait_for("Page.loadEventFired")

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **more,
            )

    def press_button(self) -> None:
        """Reach the first button by keyboard alone, and press it."""
        self.press("Tab", 9)
        assert self.value("document.activeElement.localName") == "button"
        self.press("Enter", 13, "\r")
        self._browser.wait_for("Page.loadEventFired")

    def resize(self, width: int, height: int = 800) -> None:
        """Be a smaller or larger screen."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def prefer(self, scheme: str) -> None:
        """Prefer ``light`` or ``dark``."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def submit_form(self, action: str, fields: Mapping[str, str]) -> None:
        """Send a form, as a script may do without anybody's help."""
        self.value(
            f"""(() => {{
                const form = document.createElement("form");
                form.method = "post";
                form.action = {json.dumps(action)};
                for (const [name, value] of Object.entries({json.dumps(fields)})) {{
                    const input = document.createElement("input");
                    input.name = name;
                    input.value = value;
                    form.append(input);
                }}
                document.body.append(form);
                form.submit();
            }})()"""
        )
        self._browser.wait_for("Page.loadEventFired")

    def promised(self, expression: str) -> Any:
        """What a promise of JavaScript comes to, in the page."""
        return self._evaluate(expression, awaitPromise=True)

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript is, in the page."""
        return self._evaluate(expression)

    def _evaluate(self, expression: str, **options: Any) -> Any:
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, **options
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def roles(self) -> list[tuple[str, str]]:
        """What a screen reader finds: roles and names, in order."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"]
        ]

    def requests(self) -> list[str]:
        """The addresses that were asked for so far."""
        return [
            event["params"]["request"]["url"]
            for event in self._browser.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """What the browser did not like, such as breaches of the content policy."""
        kinds = ("Log.entryAdded", "Audits.issueAdded")
        return [
            json.dumps(event["params"])
            for event in self._browser.events
            if event.get("method") in kinds
        ]

    def screenshot(self) -> bytes:
        """The page as a PNG."""
        return b64decode(self.call("Page.captureScreenshot")["data"])


def _pipe() -> tuple[int, int]:
    # High numbers, so that moving one end to its place does not close another.
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
