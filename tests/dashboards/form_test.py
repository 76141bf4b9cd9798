"""What dashboards, alerts and runbook promise each other, read from the files."""

import json
import pathlib
import re
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARDS = {file.name: json.loads(file.read_text())
              for file in sorted((ROOT / "dashboards/grafana").glob("*.json"))}
PROMETHEUS = ROOT / "dashboards/prometheus"
ALERTS = [rule for group in yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"]
          for rule in group["rules"]]
ALERT_NAMES = {alert["alert"] for alert in ALERTS}
SELECTOR = re.compile(r"\b(?:hotiron|process)_[a-z0-9_]+\b(\{[^}]*\})?")
GRAFANA_UNITS = {"short", "s", "bytes", "Bps", "percentunit", "rps"}


def panels(dashboard):
    """Panels that show something: those in collapsed rows too, rows not."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


class Dashboards(unittest.TestCase):
    def each(self):
        self.assertEqual(len(DASHBOARDS), 4)
        for name, dashboard in DASHBOARDS.items():
            with self.subTest(name):
                yield name, dashboard

    def test_heads_are_alike(self):
        for name, board in self.each():
            self.assertEqual(f"{board['uid']}.json", name)
            self.assertNotIn("id", board)
            self.assertEqual(board["schemaVersion"], 37)
            self.assertIs(board["editable"], False)
            self.assertEqual(board["tags"], ["hotiron"])
            self.assertEqual(board["graphTooltip"], 1)
            self.assertIn(board["refresh"], ["30s", "1m", "5m"])
            link, = board["links"]
            self.assertTrue(link["includeVars"] and link["keepTime"])
            self.assertEqual(len(board["annotations"]["list"]), 3)

    def test_variables_are_those_that_queries_use(self):
        for _, board in self.each():
            names = [variable["name"] for variable in board["templating"]["list"]]
            self.assertEqual(names[:2], ["datasource", "job"])
            self.assertEqual(names[-1], "strike_list")
            for variable in board["templating"]["list"][1:-1]:
                self.assertTrue(variable["multi"] and variable["includeAll"])
                self.assertEqual(variable["allValue"], ".+")
            queries = " ".join(target["expr"] for panel in panels(board)
                               for target in panel["targets"])
            used = set(re.findall(r"\$(\w+)", queries)) - {"__rate_interval", "__range"}
            self.assertEqual(used, set(names) - {"datasource", "strike_list"})

    def test_every_selector_is_limited_to_the_chosen_jobs(self):
        for _, board in self.each():
            names = [variable["name"] for variable in board["templating"]["list"]]
            scope = ["job"] + (["instance"] if "instance" in names else [])
            for panel in panels(board):
                for target in panel["targets"]:
                    for selector in SELECTOR.finditer(target["expr"]):
                        for name in scope:
                            self.assertIn(f'{name}=~"${name}"', selector[1] or "",
                                          f"{panel['title']}: {target['expr']}")

    def test_panels_say_what_they_show_and_what_to_do(self):
        for _, board in self.each():
            ids = [panel["id"] for panel in [*panels(board), *board["panels"]]]
            self.assertEqual(len(set(ids)), len(list(panels(board)))
                             + sum(panel["type"] == "row" for panel in board["panels"]))
            for panel in panels(board):
                with self.subTest(panel["title"]):
                    defaults = panel["fieldConfig"]["defaults"]
                    self.assertGreater(len(panel["description"]), 40)
                    self.assertLess(len(panel["title"]), 50)
                    self.assertIn(defaults["unit"], GRAFANA_UNITS)
                    self.assertTrue(defaults["noValue"])
                    self.assertIn("steps", defaults["thresholds"])
                    self.assertTrue(all(target["legendFormat"] for target in panel["targets"]))
                    for alert in re.findall(r"\bHotiron[A-Z]\w+", panel["description"]):
                        self.assertIn(alert, ALERT_NAMES)
                        self.assertIn((f"What to do: {alert}", "${strike_list}/runbook.txt"),
                                      [(link["title"], link["url"]) for link in panel["links"]])

    def test_the_first_row_answers_whether_all_is_well_and_nothing_overlaps(self):
        for _, board in self.each():
            shown = [panel for panel in board["panels"] if panel["type"] != "row"]
            self.assertLessEqual(len(shown), 15)
            first = [panel for panel in shown if panel["gridPos"]["y"] == 1]
            self.assertTrue(4 <= len(first) <= 6 and all(p["type"] == "stat" for p in first))
            taken = set()
            for panel in board["panels"]:
                at = panel["gridPos"]
                self.assertLessEqual(at["x"] + at["w"], 24)
                cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                         for y in range(at["y"], at["y"] + at["h"])}
                self.assertFalse(taken & cells, panel["title"])
                taken |= cells


class Alerts(unittest.TestCase):
    def test_each_says_how_bad_what_where_and_what_to_do(self):
        uids = {board["uid"] for board in DASHBOARDS.values()}
        runbook = (ROOT / "docs/RUNBOOK.md").read_text()
        for alert in ALERTS:
            name = alert["alert"]
            with self.subTest(name):
                self.assertRegex(name, r"^Hotiron([A-Z][a-z]+)+$")
                self.assertIn(alert["labels"]["severity"], ["critical", "warning", "info"])
                self.assertEqual(alert["labels"]["service"], "hotiron")
                told = alert["annotations"]
                self.assertTrue(told["summary"] and told["description"].endswith("."))
                self.assertEqual(told["runbook_url"], f"docs/RUNBOOK.md#{name.lower()}")
                self.assertIn(told["dashboard_url"], [f"/d/{uid}" for uid in uids])
                section = re.search(rf"^### {name}\n\n(.*?)(?=^##|\Z)", runbook, re.M | re.S)
                self.assertTrue(section, "no section in docs/RUNBOOK.md")
                for part in ["**Means:**", "**Look:**", "**Do:**"]:
                    self.assertIn(part, section[1])
        self.assertEqual(set(re.findall(r"^### (Hotiron\w+)$", runbook, re.M)), ALERT_NAMES)

    def test_each_is_tested_firing_and_quiet(self):
        tests = [test for file in PROMETHEUS.glob("*_test.yaml")
                 for test in yaml.safe_load(file.read_text())["tests"]]
        firing = {test["name"].split()[0]: test for test in tests if " fires" in test["name"]}
        quiet = {test["name"].split()[0]: test for test in tests if " stays quiet" in test["name"]}
        self.assertEqual(len(firing) + len(quiet), len(tests))
        self.assertEqual(set(firing), ALERT_NAMES)
        self.assertEqual(set(quiet), ALERT_NAMES)
        for name, test in firing.items():
            case, = test["promql_expr_test"]
            self.assertIn(f'alertname="{name}"', case["exp_samples"][0]["labels"])
        for name, test in quiet.items():
            case, = test["promql_expr_test"]
            self.assertEqual(case["exp_samples"], [], name)
            self.assertIn(f'ALERTS{{alertstate="firing"', case["expr"])


if __name__ == "__main__":
    unittest.main()
