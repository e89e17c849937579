#!/usr/bin/env python3
"""Checks the Grafana dashboards and alert rules against what a running node serves.

    dashboard_test.py ADMIN_URL [--no-prometheus]

ADMIN_URL is that of a node, as http://127.0.0.1:7441, or of a file with its metrics, as
file:///tmp/metrics.txt. Always: the dashboards are well formed, and every metric, label and label
value that they name is in the scrape. With promtool, it checks the metrics and the rules. With a
live node and Prometheus installed, also: a real Prometheus scrapes the node with the shipped
configuration, every expression gives at least one series, and every rule can be evaluated. Prints a
line for each problem and exits 1 if there is one.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DASHBOARDS = os.path.join(ROOT, "ops/grafana")
PROMETHEUS = os.path.join(ROOT, "ops/prometheus/prometheus.yml")
ALERTS = os.path.join(ROOT, "ops/prometheus/alerts.yml")
# What Grafana puts in, as the test does. Everything is selected.
VARIABLES = {"$__rate_interval": "10s", "$instance": ".+", "$stage": ".+"}
ADDED_BY_PROMETHEUS = {"instance", "job"}
TIMEOUT = 10  # seconds, of one request
PATIENCE = 60  # seconds, for Prometheus to have scraped often enough
SCRAPES = 4

Labels = dict[str, set[str]]  # the values of each label


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
        return answer.read().decode()


def samples(text: str) -> dict[str, Labels]:
    """The labels and their values, by the name of the sample."""
    found: dict[str, Labels] = {}
    for line in text.splitlines():
        match = re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$", line)
        if not match:
            continue
        labels = found.setdefault(match[1], {})
        for name, value in re.findall(r'(\w+)="([^"]*)"', match[2] or ""):
            labels.setdefault(name, set()).add(value)
    return found


def panels(dashboard: dict) -> Iterator[dict]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def expressions(dashboard: dict) -> Iterator[tuple[str, str]]:
    """Where it stands, and the expression."""
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", target["expr"]


def alerts() -> Iterator[tuple[str, str]]:
    """The same of each rule. Those of Prometheus's own metrics are not the node's matter."""
    name = ""
    with open(ALERTS, encoding="utf-8") as file:
        for line in file:
            key, _, value = line.strip().removeprefix("- ").partition(": ")
            name = value if key == "alert" else name
            if key == "expr" and not value.startswith("up{"):
                yield name, value


def substitute(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def form(dashboard: dict) -> Iterator[str]:
    """What a reader or Grafana itself would stumble over."""
    if dashboard.get("editable", True):
        yield "editable: changes in the browser would be lost with the next release"
    if not dashboard.get("uid"):
        yield "no uid: links to it would break with each import"
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    if missing := {"datasource", "instance", "stage"} - variables:
        yield f"no variable {', '.join(sorted(missing))}"
    ids = [panel["id"] for panel in panels(dashboard)]
    if len(ids) != len(set(ids)):
        yield "two panels have one id"
    taken: dict[tuple[int, int], str] = {}
    for panel in panels(dashboard):
        title, at = panel.get("title", ""), panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if (other := taken.setdefault((x, y), title)) != title:
                    yield f"{title}: lies over {other}"
                    break
        if at["x"] + at["w"] > 24:
            yield f"{title}: wider than the page"
        if panel["type"] == "row":
            continue
        defaults = panel["fieldConfig"]["defaults"]
        for what, there in (
            ("title", title),
            ("description", panel.get("description")),
            ("unit", defaults.get("unit")),
            ("query", panel.get("targets")),
        ):
            if not there:
                yield f"{title or panel['id']}: no {what}"
        for source in (panel, *panel.get("targets", ())):
            if source["datasource"]["uid"] != "${datasource}":
                yield f"{title}: has a data source of its own"
    for where, expression in expressions(dashboard):
        for window in re.findall(r"\[(.*?)\]", expression):
            if window != "$__rate_interval":
                yield f"{where}: [{window}] is right for one scrape interval only"
        for name in re.findall(r"\$\w+", expression):
            if name not in VARIABLES:
                yield f"{where}: there is no variable {name}"
        if 'instance=~"$instance"' not in expression:
            yield f"{where}: shows all nodes, whichever is selected"


def names(where: str, expression: str, scrape: dict[str, Labels]) -> Iterator[str]:
    """Metrics, labels and values that the expression names and the node does not have."""
    known = set(ADDED_BY_PROMETHEUS)
    used = re.findall(r"\b(spillgate_\w+)(?:\{([^}]*)\})?", expression)
    if not used:
        yield f"{where}: names no metric of ours"
    for metric, matchers in used:
        if metric not in scrape:
            yield f"{where}: the node has no metric {metric}"
            continue
        known |= set(scrape[metric])
        for label, operator, value in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', matchers):
            if label in ADDED_BY_PROMETHEUS:
                continue
            if label not in scrape[metric]:
                yield f"{where}: {metric} has no label {label}"
                continue
            # Every alternative has to be there: a misspelt one would silently show nothing.
            for one in value.split("|") if operator in ("=~", "!~") else [re.escape(value)]:
                if not any(re.fullmatch(one, there) for there in scrape[metric][label]):
                    yield f"{where}: {metric} has no {label} {value!r}"
    for labels in re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", expression):
        for label in re.split(r"\s*,\s*", labels.strip()):
            if label not in known:
                yield f"{where}: groups by {label}, which none of its metrics has"


class Prometheus:
    """A Prometheus of our own, on a port of its own, with the shipped configuration."""

    def __init__(self, target: str, folder: str) -> None:
        with open(PROMETHEUS, encoding="utf-8") as file:
            config = file.read()
        for old, new in (
            ("127.0.0.1:7441", target),
            ("scrape_interval: 5s", "scrape_interval: 1s"),
            ("scrape_timeout: 4s", "scrape_timeout: 1s"),
        ):
            if old not in config:
                raise RuntimeError(f"{PROMETHEUS}: says nothing about {old!r} any more")
            config = config.replace(old, new)
        path = os.path.join(folder, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        shutil.copy(ALERTS, folder)  # named in the configuration, beside it
        subprocess.run(["promtool", "check", "config", path], check=True, capture_output=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.log = open(os.path.join(folder, "log"), "w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={path}",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={self.address}",
                "--log.level=warn",
            ],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def query(self, expression: str) -> list[dict]:
        parameters = urllib.parse.urlencode({"query": expression})
        try:
            answer = fetch(f"http://{self.address}/api/v1/query?{parameters}")
        except urllib.error.HTTPError as error:
            raise ValueError(json.loads(error.read())["error"]) from None
        return json.loads(answer)["data"]["result"]

    def wait(self) -> None:
        """Until it has scraped the node a few times, so that rates have something to go by."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                result = self.query('sum_over_time(up{job="spillgate"}[1m])')
                if result and float(result[0]["value"][1]) >= SCRAPES:
                    return
            except (OSError, http.client.HTTPException, ValueError):
                pass  # it is not up yet
            time.sleep(0.2)
        self.log.seek(0)
        log = self.log.read()
        raise RuntimeError(f"Prometheus did not scrape the node in {PATIENCE} s:\n{log}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def live(
    url: str, wanted: list[tuple[str, str]], rules: list[tuple[str, str]]
) -> Iterator[str]:
    """A rule need give nothing, as nothing may be wrong; but it has to be evaluated."""
    target = urllib.parse.urlsplit(url).netloc
    with tempfile.TemporaryDirectory(prefix="spillgate-dashboard-") as folder:
        prometheus = Prometheus(target, folder)
        try:
            prometheus.wait()
            for where, expression in wanted:
                try:
                    if not prometheus.query(substitute(expression)):
                        yield f"{where}: gives no series: {expression}"
                except ValueError as error:
                    yield f"{where}: {error}: {expression}"
            for where, expression in rules:
                try:
                    prometheus.query(expression)
                except ValueError as error:
                    yield f"{where}: {error}: {expression}"
        finally:
            prometheus.stop()


def lint(text: str) -> Iterator[str]:
    for what in (["metrics"], ["rules", ALERTS]):
        checked = subprocess.run(
            ["promtool", "check", *what], input=text, text=True, capture_output=True, timeout=60
        )
        if checked.returncode != 0:
            yield f"promtool: {checked.stdout}{checked.stderr}".strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--no-prometheus", action="store_true")
    arguments = parser.parse_args()
    url = arguments.url.rstrip("/")
    is_file = url.startswith("file:")
    try:
        text = fetch(url if is_file else url + "/metrics")
    except (OSError, ValueError) as error:
        print(f"{url}: {error}: is the node running, and is this its listen.admin?")
        return 1
    scrape = samples(text)
    problems: list[str] = []
    wanted: list[tuple[str, str]] = []
    for name in sorted(os.listdir(DASHBOARDS)):
        if not name.endswith(".json"):
            continue
        with open(os.path.join(DASHBOARDS, name), encoding="utf-8") as file:
            dashboard = json.load(file)
        problems += [f"{name}: {problem}" for problem in form(dashboard)]
        for where, expression in expressions(dashboard):
            wanted.append((f"{name}: {where}", expression))
    for where, expression in wanted:
        problems += names(where, substitute(expression), scrape)
    rules = [(f"alerts.yml: {where}", expression) for where, expression in alerts()]
    for where, expression in rules:
        problems += names(where, expression, scrape)
    if len(rules) < 5:
        problems.append(f"only {len(rules)} rules in {ALERTS}: where are the others?")
    if len(wanted) < 20:
        problems.append(f"only {len(wanted)} expressions in {DASHBOARDS}: where are the others?")
    how = "by name only"
    if shutil.which("promtool"):
        problems += lint(text)
    installed = shutil.which("prometheus") and shutil.which("promtool")
    if installed and not is_file and not arguments.no_prometheus:
        problems += live(url, wanted, rules)
        how = "in Prometheus"
    for problem in problems:
        print(problem)
    checked = f"{len(wanted)} expressions and {len(rules)} rules"
    print(f"{checked} checked {how}, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
