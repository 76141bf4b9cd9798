"""Every query of every dashboard, asked of a real Prometheus that scrapes a running demo.

    query_test.py HOTIRON

Starts the demo's market and a Prometheus of its own on free ports, with our rules, and asks until
every panel has an answer: none may fail, none may stay empty. Then the rules must have been
evaluated without an error, no critical alert may fire, and the metrics of the program must be those
that the runbook explains.
"""

import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 300  # seconds until every panel must have an answer; about 90 on an idle machine
FILLED_IN = {"$__rate_interval": "15s", "$__range": "10m", "$job": "hotiron", "$instance": ".+",
             "$segment": ".+", "$source": ".+", "$policy": ".+"}


def filled_in(query):
    for name, value in FILLED_IN.items():
        query = query.replace(name, value)
    assert "$" not in query, query
    return query


def wait_for(what, look, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come up within {seconds} s")


class Program:
    """A program that writes into a file, ended by its own process id."""

    def __init__(self, name, folder, command):
        self.output = folder / f"{name}.log"
        with open(self.output, "wb") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        self.name = name

    def said(self, pattern):
        def look():
            text = self.output.read_text(errors="replace")
            assert self.process.poll() is None, f"{self.name} ended: {text[-2000:]}"
            return re.search(pattern, text)
        return wait_for(self.name, look)[1]

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Queries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        demo = Program("demo", cls.folder, [HOTIRON, "demo", "--admin-port", "0"])
        cls.addClassCleanup(demo.end)
        cls.metrics = demo.said(r"(http://127\.0\.0\.1:\d+/metrics)")
        cls.page = demo.said(r"page +(http://\S+)")
        (cls.folder / "prometheus.yaml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "2s"},
            "rule_files": [str(ROOT / "dashboards/prometheus" / name)
                           for name in ["recording.yaml", "alerts.yaml"]],
            "scrape_configs": [{"job_name": "hotiron", "static_configs": [
                {"targets": [urllib.parse.urlsplit(cls.metrics).netloc]}]}]}))
        prometheus = Program("prometheus", cls.folder, [
            "prometheus", f"--config.file={cls.folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={cls.folder / 'data'}", "--web.listen-address=127.0.0.1:0",
            "--log.level=info"])
        cls.addClassCleanup(prometheus.end)
        cls.prometheus = "http://" + prometheus.said(
            r'msg="Listening on" address=(127\.0\.0\.1:[1-9]\d*)')

    def ask(self, path, **parameters):
        """Data of an answer of Prometheus; fails with what it says of the query."""
        url = f"{self.prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # still starting
                return {"result": []}
            self.fail(f"{parameters}: {error.read().decode()}")

    def has_answer(self, target):
        """Whether a target has any value, as its panel asks for it."""
        query, now = filled_in(target["expr"]), time.time()
        if target["instant"]:
            series = self.ask("query", query=query)["result"]
        else:
            series = self.ask("query_range", query=query, start=now - 120, end=now, step=5)["result"]
        values = [value for one in series for value in one.get("values", [one.get("value")])]
        return any(math.isfinite(float(value)) for _, value in values)

    def test_1_every_panel_has_an_answer(self):
        waiting = {}
        for file in sorted((ROOT / "dashboards/grafana").glob("*.json")):
            board = json.loads(file.read_text())
            for panel in board["panels"] + [p for row in board["panels"]
                                            for p in row.get("panels", [])]:
                for target in panel.get("targets", []):
                    waiting[board["title"], panel["title"], target["refId"]] = target
        self.assertGreater(len(waiting), 50)
        end = time.monotonic() + PATIENCE
        while waiting and time.monotonic() < end:
            with urllib.request.urlopen(f"{self.page}api/v1/triggers", timeout=30) as answer:
                json.load(answer)  # the strike list is asked for, too
            waiting = {name: target for name, target in waiting.items()
                       if not self.has_answer(target)}
            time.sleep(1)
        self.assertEqual(list(waiting), [], "these stay empty")

    def test_2_every_variable_has_values_and_every_annotation_can_be_asked(self):
        for file in sorted((ROOT / "dashboards/grafana").glob("*.json")):
            board = json.loads(file.read_text())
            for variable in board["templating"]["list"][1:-1]:  # the last says where the page is
                metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)",
                                             variable["definition"]).groups()
                values = self.ask(f"label/{label}/values", **{"match[]": filled_in(metric)})
                self.assertTrue(values, variable["name"])
            for annotation in board["annotations"]["list"]:
                self.ask("query", query=filled_in(annotation["expr"]))

    def test_3_every_rule_is_evaluated_and_nothing_is_critical(self):
        groups = self.ask("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        self.assertGreater(len(rules), 20)
        for rule in rules:
            if rule["health"] != "unknown":  # of a group that is evaluated every 5 minutes
                self.assertEqual((rule["health"], rule.get("lastError", "")), ("ok", ""), rule["name"])
        # How fast the machine is under this test is not the question.
        firing = [alert["labels"] for alert in self.ask("alerts")["alerts"]
                  if alert["state"] == "firing"
                  and alert["labels"]["alertname"] != "HotironLatencyBudgetBurning"]
        self.assertEqual([labels for labels in firing if labels["severity"] == "critical"], [])

    def test_4_the_metrics_are_those_of_the_runbook(self):
        with urllib.request.urlopen(self.metrics, timeout=30) as answer:
            text = answer.read().decode()
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                                 capture_output=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        served = set(re.findall(r"^# TYPE (\S+)", text, re.M))
        explained = set()
        for line in (ROOT / "docs/RUNBOOK.md").read_text().splitlines():
            if line.startswith("| `"):
                explained |= set(re.findall(r"`((?:hotiron|process)_[a-z0-9_]+)`",
                                            line.split("|")[1]))
        self.assertEqual(served - explained, set(), "served and not explained")
        self.assertEqual(explained - served, set(), "explained and not served")


if __name__ == "__main__":
    HOTIRON = sys.argv.pop(1)
    unittest.main()
