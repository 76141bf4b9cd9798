"""Example configurations, container files and the systemd unit, as far as that goes without an
engine to run them.

    form_test.py HOTIRON
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
EXAMPLES = sorted(path.name for path in (DEPLOY / "examples").glob("*.yaml"))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def run(*command):
    return subprocess.run(command, text=True, capture_output=True, check=False)


class Examples(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def check(self, example, edit=lambda text: text):
        """check-config's verdict on an example, its files where the example says they are, but
        below a folder of the test's own."""
        for name in ["policy.yaml", "catalogue.yaml"]:
            shutil.copy(DEPLOY / name, self.folder)
        for name in ["person.key", "person_key", "serve_token", "kafka_password"]:
            (self.folder / name).write_text("not a secret, but long enough to be taken for one\n")
        if "ca.pem" in (text := edit((DEPLOY / "examples" / example).read_text())):
            made = run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test",
                       "-keyout", self.folder / "ca.key", "-out", self.folder / "ca.pem")
            self.assertEqual(made.returncode, 0, made.stderr)
        text = re.sub(r"(/etc/hotiron|/run/secrets|/usr/local/share/hotiron)/", f"{self.folder}/", text)
        file = self.folder / "hotiron.yaml"
        file.write_text(text)
        return run(HOTIRON, "check-config", "--config", file)

    def test_each_is_taken(self):
        self.assertLessEqual({"laptop.yaml", "cluster.yaml", "secure.yaml"}, set(EXAMPLES))
        for example in EXAMPLES:
            with self.subTest(example):
                checked = self.check(example)
                self.assertEqual(checked.returncode, 0, checked.stderr)
                self.assertIn("# memory: ", checked.stdout)
                self.assertNotIn("not a secret", checked.stdout + checked.stderr)

    def test_installed_files_are_enough(self):
        build = pathlib.Path(HOTIRON).resolve().parents[1]
        done = run("cmake", "--install", build, "--prefix", self.folder / "usr")
        self.assertEqual(done.returncode, 0, done.stderr)
        program = self.folder / "usr/bin/hotiron"
        self.assertIn("hotiron", run(program, "--version").stdout)
        self.assertTrue((self.folder / "usr/share/doc/hotiron/LICENSE").is_file())
        shared = self.folder / "usr/share/hotiron"
        text = (shared / "examples/laptop.yaml").read_text()
        for name in ["policy.yaml", "catalogue.yaml"]:
            text = re.sub(rf"\S*{name}", str(shared / name), text)
        file = self.folder / "hotiron.yaml"
        file.write_text(text)
        (self.folder / "person.key").write_text("not a secret, but long enough to be taken for one\n")
        checked = run(program, "check-config", "--config", file)
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_a_mistake_is_found(self):
        for mistake in ["\nprocesing: {workers: 2}\n", "\nclock: sun\n"]:
            checked = self.check("cluster.yaml", lambda text, more=mistake: text + more)
            self.assertEqual(checked.returncode, 2)
        checked = self.check("secure.yaml", lambda text: text.replace("ca.pem", "no.such.pem"))
        self.assertEqual(checked.returncode, 2)


class Containers(unittest.TestCase):
    def test_the_image_holds_what_runs_and_is_nobody(self):
        stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)
        self.assertEqual(stages, ["${BASE_IMAGE}", "${BASE_IMAGE}"])
        last = DOCKERFILE[DOCKERFILE.rindex("\nFROM "):]
        self.assertRegex(last, r"(?m)^USER [1-9]\d+:[1-9]\d+$")
        self.assertRegex(last, r'(?m)^ENTRYPOINT \["/usr/local/bin/hotiron"\]$')
        self.assertNotRegex(last, r"-dev\b")
        for copied in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M):
            for source in copied.split()[:-1]:
                self.assertTrue((ROOT / source).exists(), source)

    def test_what_is_built_is_sent_to_the_build(self):
        sent = set(re.findall(r"^!(\S+)", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.M))
        for copied in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M):
            self.assertLessEqual({source.split("/")[0] for source in copied.split()[:-1]}, sent)
        folders = set(re.findall(r"^add_subdirectory\((\w+)\)",
                                 (ROOT / "CMakeLists.txt").read_text(), re.M))
        self.assertLessEqual(folders, sent)
        for outside in re.findall(r"add_asset\(\.\./(\S+) ", (ROOT / "delivery/CMakeLists.txt").read_text()):
            self.assertIn(f"COPY {outside} {outside}", DOCKERFILE)

    def test_services_fit_together(self):
        services = COMPOSE["services"]
        self.assertEqual(set(services), {"kafka", "topics", "hotiron", "prometheus", "grafana"})
        for name, service in services.items():
            with self.subTest(name):
                for other, how in service.get("depends_on", {}).items():
                    if how["condition"] == "service_healthy":
                        self.assertIn("healthcheck", services[other])
                    else:
                        self.assertEqual(services[other]["restart"], "no")
                for port in service.get("ports", []):
                    self.assertTrue(port.startswith("127.0.0.1:"), port)
                self.assertRegex(service["image"], r":v?\d+\.\d+\.\d+$|^hotiron$")
                for volume in service.get("volumes", []):
                    source, _, mode = [*volume.split(":"), ""][:3]
                    if not source.startswith("."):
                        self.assertIn(source, COMPOSE["volumes"])
                    else:
                        self.assertEqual(mode, "ro")
                        if source not in ["./person.key", "./serve.token"]:  # made by the user
                            self.assertTrue((DEPLOY / source).exists(), source)
        config = yaml.safe_load((DEPLOY / "examples/container.yaml").read_text())
        kafka = services["kafka"]["environment"]
        self.assertIn(f"INSIDE://{config['kafka']['bootstrap.servers']}",
                      kafka["KAFKA_ADVERTISED_LISTENERS"])
        made = services["topics"]["command"][0]
        for topic in config["inputs"]:
            self.assertRegex(made, rf"for topic in .*\b{topic['topic']}\b")

    def test_prometheus_and_grafana_find_what_they_are_given(self):
        with tempfile.TemporaryDirectory() as folder:
            mounted = {}
            for name in ["prometheus", "grafana"]:
                for volume in COMPOSE["services"][name]["volumes"]:
                    source, target = volume.split(":")[:2]
                    if source.startswith("."):
                        mounted[target] = DEPLOY / source
            for target, source in mounted.items():
                if source.is_file():
                    file = pathlib.Path(folder + target)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(source, file)
            checked = run("promtool", "check", "config", f"{folder}/etc/prometheus/prometheus.yml")
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
            alerts = (ROOT / "dashboards/prometheus/alerts.yaml").read_text().count("- alert:")
        self.assertGreater(alerts, 20)
        self.assertIn(f"{alerts} rules", checked.stdout)
        provisioning = mounted["/etc/grafana/provisioning"]
        source, = yaml.safe_load((provisioning / "datasources/hotiron.yaml").read_text())["datasources"]
        scrape = yaml.safe_load(mounted["/etc/prometheus/prometheus.yml"].read_text())
        self.assertEqual(source["jsonData"]["timeInterval"], scrape["global"]["scrape_interval"])
        self.assertEqual(source["url"], "http://prometheus:9090")
        provider, = yaml.safe_load((provisioning / "dashboards/hotiron.yaml").read_text())["providers"]
        self.assertTrue(list(mounted[provider["options"]["path"]].glob("*.json")))
        self.assertIs(provider["allowUiUpdates"], False)
        home = COMPOSE["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        self.assertTrue((mounted[provider["options"]["path"]] / pathlib.Path(home).name).exists())


class SystemdUnit(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.unit = pathlib.Path(folder.name) / "hotiron.service"
        self.unit.write_text((DEPLOY / "hotiron.service").read_text().replace(
            "/usr/local/bin/hotiron", str(HOTIRON)))

    def test_it_can_be_loaded(self):
        checked = run("systemd-analyze", "verify", "--recursive-errors=yes", "--man=no", self.unit)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def test_it_is_hardened(self):
        checked = run("systemd-analyze", "security", "--offline=true", "--threshold=20", self.unit)
        self.assertEqual(checked.returncode, 0, checked.stdout)


class SetUp(unittest.TestCase):
    """deploy/packages on machines that lack something: a PATH of the test's own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bin = pathlib.Path(folder.name)
        for tool in ["bash", "env", "sed", "grep", "cat", "tail", "mktemp", "rm", "dirname"]:
            (self.bin / tool).symlink_to(shutil.which(tool))

    def stub(self, name, script):
        (self.bin / name).write_text(f"#!{shutil.which('bash')}\n{script}\n")
        (self.bin / name).chmod(0o755)

    def packages(self):
        return subprocess.run([DEPLOY / "packages", "build"], env={"PATH": str(self.bin)}, text=True,
                              capture_output=True, check=False)

    def test_another_system_is_told_what_to_install(self):
        done = self.packages()
        self.assertEqual(done.returncode, 1)
        self.assertIn("this is another system", done.stderr)
        self.assertIn("librdkafka-dev", done.stderr)

    def test_without_root_it_says_the_command(self):
        self.stub("dpkg-query", "")
        self.stub("id", "echo 1000")
        done = self.packages()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"(?s)needs root.*apt-get install .*librdkafka-dev")

    def test_what_apt_says_is_shown(self):
        self.stub("dpkg-query", "")
        self.stub("id", "echo 0")
        self.stub("apt-get", "echo 'Could not resolve deb.debian.org'; exit 100")
        done = self.packages()
        self.assertEqual(done.returncode, 1)
        self.assertIn("Could not resolve", done.stderr)
        self.assertIn("run this again", done.stderr)

    def test_a_machine_that_has_all_is_left_alone(self):
        wanted = self.packages().stderr.splitlines()[-1].split()
        self.stub("dpkg-query", "printf 'installed %s\\n' " + " ".join(wanted))
        self.stub("apt-get", "exit 1")
        done = self.packages()
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


if __name__ == "__main__":
    HOTIRON = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
