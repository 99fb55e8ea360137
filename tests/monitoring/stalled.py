"""A real Prometheus sees a real feed stall: `python -m tests.monitoring.stalled`, half a minute.

It scrapes a daemon that follows the simulator. Nothing is wrong until the simulator is stopped;
then ScandFeedStalled has to fire, by the rules in config/ with shorter times. Needs Debian's
`prometheus` package. Exit status 0 if it fired, else 1.
"""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.monitoring.rules import PROMETHEUS
from tests.support.processes import Setup, running
from tests.support.sockets import free_port

ALERT = "ScandFeedStalled"
PATIENCE = 60.0
"""Seconds for each step."""

SHORTER = {"> 300": "> 5", "for: 1m": "for: 2s"}
"""How the alert is told from its rule in config/."""


class Prometheus:
    """A server with our rules, and what it says."""

    def __init__(self, folder: Path, daemon: int) -> None:
        self.folder, self.port = folder, free_port()
        self._configure(daemon)

    def _configure(self, daemon: int) -> None:
        config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{daemon}"]}]
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        before, name, rule = (PROMETHEUS / "alerts.yml").read_text().partition(f"alert: {ALERT}\n")
        for long, short in SHORTER.items():
            rule = rule.replace(long, short, 1)
        (self.folder / "alerts.yml").write_text(before + name + rule)

    @contextmanager
    def running(self) -> Iterator[None]:
        command = [
            "prometheus",
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
        with subprocess.Popen(command) as process:
            try:
                yield
            finally:
                process.terminate()

    def ask(self, path: str, **query: str) -> Any:
        """The `data` of an answer, None while there is none."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/api/v1/{path}", params=query)
            return answer.raise_for_status().json()["data"]
        except httpx.HTTPError:
            return None

    def value(self, expression: str) -> float | None:
        data = self.ask("query", query=expression)
        return float(data["result"][0]["value"][1]) if data and data["result"] else None

    def alerts(self) -> dict[str, str]:
        """The state of each alert that is not inactive."""
        data = self.ask("alerts") or {"alerts": []}
        return {alert["labels"]["alertname"]: alert["state"] for alert in data["alerts"]}


def until(what: str, done: Callable[[], bool]) -> bool:
    """Wait for something, and say how that went."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > PATIENCE:
            print(f"{what}: not within {PATIENCE:g} s")
            return False
        time.sleep(0.25)
    print(f"{what}: after {time.monotonic() - began:.1f} s")
    return True


def watch(folder: Path) -> bool:
    """Whether the alert fired when it should, and not before."""
    carrier, admin = free_port(), free_port()
    url = f"http://127.0.0.1:{carrier}/v1/scans/scanevents"
    setup = Setup(folder, url, 'retry.cap = "1s"', listen=f"127.0.0.1:{admin}")
    prometheus = Prometheus(folder, admin)
    simulate = ("simulate", "--events", 0, "--backlog", 500, "--rate", 20, "--port", carrier)
    with running(*simulate) as simulator, setup.running("run"), prometheus.running():
        if not until("Prometheus sees events", lambda: (_applied(prometheus) or 0) > 500):
            return False
        time.sleep(10)  # as long as the alert takes to fire, if it was wrong
        healthy = prometheus.alerts()
        print(f"applied: {_applied(prometheus):.0f}; alerts while all is well: {healthy or 'none'}")
        simulator.end(signal.SIGTERM)
        print("the simulator is stopped")
        fired = until(f"{ALERT} fires", lambda: prometheus.alerts().get(ALERT) == "firing")
        print(f"alerts: {prometheus.alerts()}")
        return fired and not healthy


def _applied(prometheus: Prometheus) -> float | None:
    return prometheus.value('scand_events_total{outcome="applied"}')


def main() -> int:
    """Run it in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="scand-stalled-") as folder:
        return 0 if watch(Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
