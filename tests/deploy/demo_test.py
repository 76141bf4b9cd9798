"""deploy/demo with and without a Prometheus, and the health check of the image, tried on the demo.

    demo_test.py HOTIRON

The script runs in a tree of its own: set up already, with the program under test.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAST_LINE = r"\Ademo: events=\d+ accounts=\d+ triggers=\d+ rejected=0 lag=0\Z"


def is_open(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class Demo(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name) / "tree"
        (self.tree / "deploy").mkdir(parents=True)
        shutil.copy(ROOT / "deploy/demo", self.tree / "deploy/demo")
        (self.tree / "deploy/setup").write_text("#!/bin/sh\n")
        (self.tree / "deploy/setup").chmod(0o755)
        (self.tree / "build/release/app").mkdir(parents=True)
        (self.tree / "build/release/app/hotiron").symlink_to(HOTIRON)
        shutil.copytree(ROOT / "dashboards", self.tree / "dashboards")
        self.output = self.tree / "output"

    def start(self, *options, history=0, **environment):
        options = ["--history", str(history), *options]
        with open(self.output, "wb") as file:
            process = subprocess.Popen([self.tree / "deploy/demo", *options], stdout=file,
                                       stderr=subprocess.STDOUT, env=os.environ | environment)
        self.addCleanup(lambda: process.poll() is None and process.terminate())
        return process

    def text(self):
        return self.output.read_text(errors="replace")

    def wait_for(self, look, process):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if found := look():
                return found
            self.assertIsNone(process.poll(), self.text())
            time.sleep(0.1)
        self.fail(self.text())

    def end_well(self, process):
        self.assertEqual(process.wait(240), 0, self.text())
        self.assertRegex(self.text().splitlines()[-1], LAST_LINE)

    def test_prometheus_watches_with_our_rules_and_goes_with_the_demo(self):
        process = self.start()
        port = int(self.wait_for(lambda: re.search(r"http://127\.0\.0\.1:(\d+)/alerts", self.text()),
                                 process)[1])

        def scraped():
            try:
                with urllib.request.urlopen(
                        f"http://127.0.0.1:{port}/api/v1/query?query=hotiron_build_info") as answer:
                    return json.load(answer)["data"]["result"]
            except OSError:
                return None
        self.wait_for(scraped, process)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/rules") as answer:
            groups = json.load(answer)["data"]["groups"]
        self.assertGreater(sum(len(group["rules"]) for group in groups), 20)
        process.send_signal(signal.SIGTERM)
        self.end_well(process)
        self.assertFalse(is_open(port), "Prometheus still runs")

    def test_without_prometheus_one_line_says_so(self):
        programs = self.tree / "programs"
        programs.mkdir()
        for name in ["bash", "env", "dirname", "mktemp", "rm", "sed"]:
            (programs / name).symlink_to(shutil.which(name))
        process = self.start("--seconds", "1", PATH=str(programs))
        self.end_well(process)
        self.assertEqual(self.text().count("Prometheus"), 1)
        self.assertIn("Prometheus is not installed", self.text())

    def test_it_learns_from_its_past_and_goes_live_with_the_model(self):
        process = self.start("--seconds", "12", "--days", "10", "--companies", "600", history=100)
        self.end_well(process)
        self.assertRegex(self.text().splitlines()[-1], r" accounts=[1-9]\d* triggers=[1-9]")
        self.assertRegex(self.text(), r"\d+ purchases ended, \d+ bought")
        self.assertRegex(self.text(), r"\d+ of \d+ buyers were flagged")
        self.assertRegex(self.text(), r"14d +gate (open|closed)")
        self.assertRegex(self.text(), r"within 14 days|events in, [1-9]\d* companies")

    def test_ctrl_c_drains_what_is_in_flight(self):
        process = self.start("--days", "30", "--companies", "600")
        self.wait_for(lambda: re.search(r"events in, [1-9]", self.text()), process)
        process.send_signal(signal.SIGINT)
        self.end_well(process)
        self.assertRegex(self.text().splitlines()[-1], r"events=[1-9]")

    def test_the_exit_code_is_the_demos(self):
        process = self.start("--no-such-option")
        self.assertEqual(process.wait(60), 2, self.text())

    def test_the_health_check_of_the_image_tells_a_live_process_from_none(self):
        check = json.loads(re.search(r"^HEALTHCHECK .*\\\n  CMD (\[.*\])$",
                                     (ROOT / "deploy/Dockerfile").read_text(), re.M)[1])
        process = self.start()
        address = self.wait_for(lambda: re.search(r"http://(127\.0\.0\.1):(\d+)/metrics", self.text()),
                                process)
        check = [word.replace("9464", address[2]) for word in check]
        self.assertEqual(subprocess.run(check, timeout=10, check=False).returncode, 0)
        process.send_signal(signal.SIGTERM)
        self.end_well(process)
        self.assertNotEqual(subprocess.run(check, timeout=10, check=False,
                                           stderr=subprocess.DEVNULL).returncode, 0)


if __name__ == "__main__":
    HOTIRON = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
