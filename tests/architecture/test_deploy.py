"""The files that deploy the stack: pinned, watched, without default passwords, and naming settings that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from powerdesk.app import engines, roles, settings
from servers import kafka, nginx

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy/compose/compose.yaml"
PINNED = re.compile(r"^[\w./-]+:[\w.-]*\d[\w.-]*$")
ONE_SHOT = {"minio-bucket"}
VARIABLE = re.compile(r"\$\{(\w+)(:[?-])?([^}]*)\}")


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    assert len(found) > 10
    return found


@pytest.mark.parametrize("name", sorted(services()))
def test_compose__pins_every_image_and_watches_every_server(name: str) -> None:
    service = services()[name]
    assert PINNED.fullmatch(service["image"]), service["image"]
    assert not service["image"].endswith(":latest")
    assert name in ONE_SHOT or service["healthcheck"]["test"]


def test_compose__has_no_password_of_its_own() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    secrets = [found for found in VARIABLE.finditer(text) if "PASSWORD" in found[1] or "PEPPER" in found[1]]
    assert len(secrets) >= 8
    assert {found[2] for found in secrets} == {":?"}
    named = re.findall(r"^\s*\w*(?:PASSWORD|PEPPER)\w*:\s*(\S+)", text, flags=re.MULTILINE)
    assert all(value.startswith("${") for value in named), named
    made = (ROOT / "deploy/compose/secrets.sh").read_text(encoding="utf-8")
    assert {found[1] for found in secrets} <= set(re.findall(r"\w+", made))


@pytest.mark.parametrize("name", [role for role in roles.ROLES if roles.ROLES[role]])
def test_compose__starts_every_role_with_settings_that_the_desk_takes(name: str, tmp_path: Path) -> None:
    service = services()[name]
    assert service["command"] == ["serve", "--role", name]
    given = {key: VARIABLE.sub("filled", str(value)) for key, value in service["environment"].items()}
    chosen = settings.load({"data": str(tmp_path)}, environment=given)
    assert roles.check([name], chosen) == {name}
    for port, schemes in engines.SCALED.items():
        assert getattr(chosen, port).url.startswith(tuple(f"{scheme}:" for scheme in schemes))


def test_compose__runs_the_servers_that_the_tests_run() -> None:
    found = services()
    assert found["kafka"]["image"] == f"apache/kafka:{kafka.VERSION}"


def test_the_proxy__has_a_configuration_that_nginx_takes(tmp_path: Path) -> None:
    if nginx.Nginx.missing():
        pytest.skip(f"needs {nginx.Nginx.missing()}")
    text = (ROOT / "deploy/compose/nginx.conf").read_text(encoding="utf-8")
    file = tmp_path / "nginx.conf"
    file.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\n{text}", encoding="utf-8")
    found = subprocess.run(
        [nginx.Nginx(tmp_path, port=1, routes={}).command()[0], "-t", "-c", str(file), "-p", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr


def test_the_image__installs_from_hashed_locks_and_runs_without_root() -> None:
    lines = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^FROM python:\d+\.\d+\.\d+-", lines, flags=re.MULTILINE)
    assert "--require-hashes" in lines
    copied = re.findall(r"requirements/\w+\.txt", lines)
    assert copied
    assert all((ROOT / name).is_file() for name in copied)
    assert lines.index("USER desk") < lines.index("ENTRYPOINT")
