"""A Firefox as Debian has it, over WebDriver BiDi: Playwright steers only builds of its own, or newer ones."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("firefox-esr", "firefox")
PATIENCE = 60  # seconds for one answer
# The browser itself must not talk to anyone.
QUIET = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.update.enabled": False,
    "browser.search.update": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "data:,",
}
EVENTS = ("log.entryAdded", "network.responseCompleted", "network.fetchError", "network.beforeRequestSent")


def program() -> str | None:
    """A Firefox on PATH."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Window:
    """One window; `events` are what it told since its page was opened, in order."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._numbers = socket, itertools.count()
        self.events: list[dict[str, Any]] = []
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=EVENTS)
        self._context = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a command. Raises AssertionError for an error."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (said := json.loads(self._socket.recv())).get("id") != number:
            self.events.append(said)
        assert said["type"] == "success", said
        return said["result"]

    def open(self, address: str) -> None:
        self.events = []
        self.send("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """What JavaScript that gives a string, or a promise of one, gives."""
        target = {"context": self._context}
        done = self.send("script.evaluate", expression=expression, target=target, awaitPromise=True)
        assert done["type"] == "success", done["exceptionDetails"]["text"]
        return done["result"].get("value")

    def wrong(self) -> list[str]:
        """Errors in the console and of requests."""
        found = []
        for event in self.events:
            told = event.get("params", {})
            if event.get("method") == "log.entryAdded" and told["level"] == "error":
                found.append(told["text"])
            elif event.get("method") == "network.fetchError":
                found.append(f"failed: {told['request']['url']}")
            elif event.get("method") == "network.responseCompleted" and told["response"]["status"] >= 400:
                found.append(f"{told['response']['status']}: {told['request']['url']}")
        return found

    def asked(self) -> list[str]:
        """Addresses that were asked for."""
        sent = (event for event in self.events if event.get("method") == "network.beforeRequestSent")
        return [event["params"]["request"]["url"] for event in sent]


@contextmanager
def firefox() -> Iterator[Window]:
    """A headless Firefox without history."""
    import websocket

    with tempfile.TemporaryDirectory(prefix="firefox-") as profile:
        prefs = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in QUIET.items())
        (Path(profile) / "user.js").write_text("".join(prefs), encoding="utf-8")
        command = [program(), "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                lines = (re.search(r"BiDi listening on (ws://\S+)", line) for line in process.stderr)
                address = next(filter(None, lines))[1]
                socket = websocket.create_connection(f"{address}/session", timeout=PATIENCE, suppress_origin=True)
                window = Window(socket)
                yield window
                window.send("browser.close")
                process.wait(PATIENCE)
            finally:
                process.kill()
