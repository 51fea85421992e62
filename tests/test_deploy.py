"""What deploy/ starts is what the code has: commands, settings and hardening of units, image and compose file."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from statuspage import deploy_checks, run
from tests import servers
from tests.copies import free_port
from tests.test_docs import first_cells, section

ROOT = Path(__file__).resolve().parent.parent
UNITS = ROOT / "deploy" / "systemd"
SHARED = UNITS / "hali-.service.d" / "10-hardened.conf"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
OURS = {"web": "web", "publisher": "publisher", "worker": "worker", "beat@": "beat", "agent": "agent"}
# How many, where and called what is a deployment's own affair.
OWN_VALUES = ("--host", "--port", "--workers", "--concurrency", "--name")
OF_THE_PRODUCT = {"MALLOC_ARENA_MAX", "PYTHONDONTWRITEBYTECODE"}


def unit(*paths: Path) -> dict[str, list[str]]:
    """The values of each key, of a unit and what is dropped in."""
    found: dict[str, list[str]] = {}
    for path in paths:
        for name, value in re.findall(r"^([A-Za-z]+)=(.*)$", path.read_text(), re.MULTILINE):
            found.setdefault(name, []).append(value)
    return found


def service(name: str) -> dict[str, list[str]]:
    return unit(UNITS / f"hali-{name}.service", SHARED)


def essence(command: Iterable[str]) -> list[str]:
    """A command without its interpreter and what a deployment chooses."""
    words = list(command)
    while words[0] in {"sh", "-c", "exec"} or words[0].endswith(("python", Path(sys.executable).name)):
        words = shlex.split(words[1]) if words[0] == "-c" and len(words) == 2 else words[1:]
    pairs = zip(["", *words], words, strict=False)
    kept = [word for before, word in pairs if not {before, word} & set(OWN_VALUES)]
    return sorted(re.sub(r"^probes\..*", "probes.<vantage>", word) for word in kept)


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What `make run` starts, by process."""
    folder = tmp_path_factory.mktemp("copy")
    copy = run.Copy.from_environment({"HALI_DATA_DIR": str(folder), "REDIS_URL": "redis://127.0.0.1:6379/0"})
    return {child.name: essence(child.command) for child in run.children_of(copy)}


def known_settings() -> set[str]:
    return {found for name in first_cells(section("Settings")) for found in (name, f"{name}_FILE")} | OF_THE_PRODUCT


def names_in(text: str) -> set[str]:
    return set(re.findall(r"^([A-Z][A-Z_]+)=", text, re.MULTILINE))


@pytest.mark.parametrize(("name", "process"), OURS.items())
def test_a_unit_starts_what_make_run_starts(commands: dict[str, list[str]], name: str, process: str) -> None:
    [command] = service(name)["ExecStart"]
    assert essence(shlex.split(command)) == commands[process]


@pytest.mark.parametrize("name", ["publisher", "worker", "beat-1", "beat-2", "agent"])
def test_a_container_starts_what_make_run_starts(commands: dict[str, list[str]], name: str) -> None:
    assert essence(COMPOSE["services"][name]["command"]) == commands[name.partition("-")[0]]


def test_the_image_starts_the_web_process_as_nobody_and_asks_whether_it_is_ready(commands: dict[str, list[str]]) -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    [command] = re.findall(r"^CMD (.*)$", last, re.MULTILINE)
    assert essence(json.loads(command)) == commands["web"]
    assert re.findall(r"^USER (\w+)$", last, re.MULTILINE) == ["hali"]
    assert "/readyz" in last.partition("HEALTHCHECK")[2].partition("\nCMD")[0]


def test_what_comes_before_the_first_start_is_the_same_everywhere() -> None:
    steps = re.compile(r"manage\.py (\w+)")
    by_unit = [steps.findall(command)[0] for command in service("prepare")["ExecStart"]]
    assert steps.findall(COMPOSE["services"]["prepare"]["command"][2]) == by_unit == ["migrate", "sync_roles", "collectstatic"]


@pytest.mark.parametrize("path", sorted(UNITS.glob("*.service")), ids=lambda path: path.stem)
def test_no_unit_has_more_rights_than_it_needs(path: Path) -> None:
    values = unit(path, SHARED)
    wanted = {"NoNewPrivileges": "true", "ProtectSystem": "strict", "PrivateDevices": "true", "RestrictNamespaces": "true"}
    assert {name: values[name] for name in wanted} == {name: [value] for name, value in wanted.items()}
    assert values["User"][0] not in {"", "root"}
    assert values["CapabilityBoundingSet"] in ([""], ["CAP_NET_BIND_SERVICE"] if "nginx" in path.name else [""])


@pytest.mark.parametrize("path", sorted(UNITS.glob("*.service")), ids=lambda path: path.stem)
def test_whatever_ends_is_started_again_without_a_limit(path: Path) -> None:
    values = unit(path)
    if values.get("Type") != ["oneshot"]:
        assert (values["Restart"], values["StartLimitIntervalSec"], values["RestartSec"]) == (["always"], ["0"], ["1"])


def test_what_units_share_overrides_nothing_that_one_of_them_says() -> None:
    """systemd reads it after the unit: a key in both would be its."""
    for path in UNITS.glob("*.service"):
        assert set(unit(path)) & set(unit(SHARED)) == set(), path.name


def test_what_stops_with_the_target_is_what_it_starts_and_nginx_and_agents_are_not() -> None:
    """While the core is stopped, upgraded or restored, nginx serves files; an agent's machine has no target."""
    [wanted] = unit(UNITS / "hali.target")["Wants"]
    parts = {path.name for path in UNITS.glob("*.service") if unit(path).get("PartOf") == ["hali.target"]}
    assert parts == {re.sub(r"@\d", "@", name) for name in wanted.split()}
    alone = {path.name for path in UNITS.glob("*.service") if unit(path).get("WantedBy") == ["multi-user.target"]}
    assert alone == {"hali-nginx.service", "hali-agent.service", "hali-guard.service"}


def test_nginx_takes_its_file_as_its_unit_gives_it(tmp_path: Path) -> None:
    """With Debian's module for brotli, which is looked for beside the folder that nginx was built for."""
    program = servers.binary("nginx", "/usr/sbin/nginx")
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    blanks = {"SNAPSHOT": tmp_path, "LISTEN": f"127.0.0.1:{free_port()}", "APP": "127.0.0.1:8000", "RUN": tmp_path}
    for name, value in blanks.items():
        text = text.replace("${" + name + "}", str(value))
    (tmp_path / "nginx.conf").write_text(text)
    if servers.nginx_knows_brotli():
        shutil.copy(ROOT / "deploy" / "nginx-brotli.conf", tmp_path / "brotli.conf")
    [command] = service("nginx")["ExecStartPre"]
    words = shlex.split(command.replace("/etc/hali/", f"{tmp_path}/"))
    done = subprocess.run([program, *words[1:]], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert service("nginx")["ExecStart"][0].startswith(command.replace(" -t -q", ""))


def test_two_beats_run() -> None:
    [wanted] = unit(UNITS / "hali.target")["Wants"]
    assert {"hali-beat@1.service", "hali-beat@2.service"} <= set(wanted.split())


def test_an_agent_cannot_read_the_environment_of_the_core() -> None:
    core, agent = service("worker"), service("agent")
    assert agent["User"] != core["User"]
    assert agent["EnvironmentFile"] == ["/etc/hali/agent.env"]
    inside = COMPOSE["services"]["agent"]
    assert (inside["secrets"], inside["volumes"], inside["env_file"]) == ([], [], "agent.env")


def test_no_container_of_ours_may_more_than_it_needs() -> None:
    ours = [one for one in COMPOSE["services"].values() if one["image"] == "hali:local"]
    assert len(ours) == 7
    for one in ours:
        assert (one["read_only"], one["cap_drop"], one["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])


def test_what_compose_silences_is_what_its_own_network_brings(settings: Any) -> None:
    """Database and broker are asked without TLS, over a network that only its containers are on."""
    ours = COMPOSE["services"]["web"]
    settings.REDIS_URL = "redis://:hunter2@broker:6379/0"
    assert {"db", "broker"} <= set(COMPOSE["services"])
    assert (ours["networks"], COMPOSE["networks"]["inside"]) == (["inside", "outside"], {"internal": True})
    found = {message.id for message in deploy_checks.check_ways_out()}
    assert deploy_checks.is_exposed({"ENGINE": "django.db.backends.postgresql", "HOST": "db"})
    assert set(ours["environment"]["HALI_SILENCED_CHECKS"].split(",")) == {"statuspage.W103", "statuspage.W107"} >= found


def test_every_setting_that_deploy_names_is_one() -> None:
    env = {name for one in COMPOSE["services"].values() if one["image"] == "hali:local" for name in one.get("environment", {})}
    named = env | names_in((ROOT / ".env.example").read_text()) | set(re.findall(r"\b(HALI_[A-Z_]+|[A-Z_]+_URL)\b", DOCKERFILE))
    shared = {pair.partition("=")[0] for line in unit(SHARED)["Environment"] for pair in line.split()}
    assert named | shared <= known_settings()


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("deploy-*.md")), ids=lambda path: path.stem)
def test_every_setting_and_file_that_a_page_of_docs_names_is_there(path: Path) -> None:
    text = path.read_text()
    for name in re.findall(r"`(HALI_[A-Z_]+[A-Z])`", text):
        assert name in known_settings(), name
    for name in re.findall(r"(?<![\w./])(deploy/[\w./@-]+\w)", text):
        assert (ROOT / name).exists() or name in {"deploy/hali.env", "deploy/agent.env", "deploy/secrets"}, name
    for name in re.findall(r"\]\(([\w-]+\.md)\)", text):
        assert (ROOT / "docs" / name).is_file(), name


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    analyze = servers.binary("systemd-analyze")
    shutil.copytree(UNITS, tmp_path, dirs_exist_ok=True)
    for path in tmp_path.glob("*.service"):  # it wants programs that are there
        path.write_text(re.sub(r"/opt/hali/\.venv/bin/python|/usr/sbin/nginx", "/bin/true", path.read_text()))
    done = subprocess.run(
        [analyze, "verify", *(str(path) for path in sorted(tmp_path.glob("hali*")) if path.is_file())],
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "hali" in line and "man" not in line]
    assert (done.returncode, ours) == (0, [])
