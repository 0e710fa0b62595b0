"""`powerdesk up` as people run it: one owner, one port, a clean stop, everything kept, no secret written."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import httpx  # noqa: TID251 - the tests speak HTTP to the process
import processes
import pytest
import trustme
from processes import powerdesk

from servers.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
HEADER = (
    '"Time Stamp","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)","Marginal Cost Congestion ($/MWHr)"\n'
)
DAY_AHEAD = HEADER + '"11/02/2026 00:00","N.Y.C.",61761,30.00,2.00,-3.00\n'


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "20261102damlbmp.csv"
    path.write_text(DAY_AHEAD)
    return path


def test_a_desk__has_one_owner_stops_on_request_and_keeps_everything(tmp_path: Path, recorded: Path) -> None:
    folder = tmp_path / "desk" / "data"
    with processes.up(folder) as first:
        port = first.owner.url.rpartition(":")[2]
        second = powerdesk("up", "--data", folder, "--port", "0", "--no-browser")
        assert (second.returncode, "The data folder is in use" in second.stderr) == (1, True)
        assert first.owner.url in second.stderr
        assert "powerdesk down" in second.stderr
        elsewhere = powerdesk("up", "--data", tmp_path / "other", "--port", port, "--no-browser")
        assert (elsewhere.returncode, f"127.0.0.1:{port}" in elsewhere.stderr) == (1, True)
        assert "--port" in elsewhere.stderr
        assert not (tmp_path / "other" / "hot.duckdb").exists()
        assert powerdesk("import", "nyiso", recorded, "--data", folder, "-o", "json").returncode == 0
        stopped = powerdesk("down", "--data", folder)
        assert (stopped.returncode, stopped.stdout) == (0, f"stopped {first.owner.url}\n")
        assert first.process.wait(PATIENCE_S) == 0
        for refused in (second, elsewhere):
            assert "Traceback" not in refused.stderr
    got = powerdesk("get", "markets.prices", "--data", folder, "-o", "json")
    assert (got.returncode, '"price_per_mwh":30.0' in got.stdout) == (0, True)
    with processes.up(folder) as again:
        assert again.client.get("/v1/datasets/markets.prices/rows").json()["count"] == 1
        assert again.client.get("/v1/audit/verify").json()["intact"] is True
        assert again.stop(signal.SIGINT) == 0
        last = again.written().splitlines()
        assert not [line for line in last if "leaked" in line], "a clean stop is told as a fault by a library"
        assert "Traceback" not in again.written()
        assert [line for line in processes.logged(again.written()) if line["level"] in ("error", "warning")] == []


def test_what_is_written__holds_no_secret(tmp_path: Path, recorded: Path) -> None:
    folder = tmp_path / "desk" / "data"
    with (
        processes.up(folder, POWERDESK_LOG_LEVEL="debug") as desk,
        httpx.Client(base_url=desk.owner.url, timeout=PATIENCE_S) as browser,
    ):
        path = desk.sign_in_path()
        assert browser.post(path).status_code == 303
        cookie = browser.cookies["pd_session"]
        csrf = browser.get("/v1/me").json()["csrf"]
        browser.headers["X-CSRF-Token"] = csrf
        password = "correct horse battery staple"
        assert browser.post("/v1/me/password", json={"current": None, "new": password}).status_code == 204
        session = f"{desk.owner.url}/v1/session"
        assert httpx.post(session, json={"name": "admin", "password": password}, timeout=PATIENCE_S).is_success
        bad = httpx.post(session, json={"name": "admin", "password": [password]}, timeout=PATIENCE_S)
        assert bad.status_code == 422
        made = browser.post("/v1/keys", json={"name": "robot", "scopes": ["api", "download"]}).json()
        key = {"Authorization": f"Bearer {made['secret']}"}
        assert httpx.get(f"{desk.owner.url}/v1/datasets", headers=key, timeout=PATIENCE_S).is_success
        order = {"dataset": "markets.prices", "query": {}, "format": "csv"}
        link = browser.post("/v1/downloads", json=order).json()["url"]
        assert browser.get(link).is_success
        assert httpx.get(desk.owner.url + link[:-3], timeout=PATIENCE_S).status_code == 403
        desk.client.post("/v1/imports/nyiso", content=recorded.read_bytes())
        written = desk.written().replace(path, "", 1)  # the link that `up` prints is for the person who started it
        assert written.count("store ready") == 2  # on standard error and in the log file, from the very start
        assert desk.stop(signal.SIGTERM) == 0
        written += desk.written().replace(path, "", 1)
    pepper = (folder / "pepper.secret").read_bytes()
    secrets = [path.rpartition("/")[2], cookie, csrf, password, made["secret"], made["secret"].split("_")[3],
               link.rpartition("/")[2], desk.owner.token, pepper.hex()]  # fmt: skip
    for secret in secrets:
        assert len(secret) > 8
        assert secret not in written
    assert "Traceback" not in written


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written__is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    left = powerdesk("up", "--data", tmp_path / "data", "--no-browser")
    assert (left.returncode, "cannot be used" in left.stderr) == (1, True)


def test_the_simulated_market__is_on_the_screen_soon(tmp_path: Path) -> None:
    folder = tmp_path / "desk" / "data"
    with processes.up(folder, feeds="sim", POWERDESK_SIM__BACKFILL_DAYS="0") as desk:
        client = desk.client
        params = {"location": "SIM:HUB_NORTH", "market_run": "RT5"}
        with client.stream("GET", "/v1/stream/sse", params={"channel": "markets.prices", "from": "snapshot", **params},
                           timeout=PATIENCE_S) as events:  # fmt: skip
            for line in events.iter_lines():
                if line.startswith("data:") and '"HUB_NORTH' in line.replace("SIM:", ""):
                    break
        latest = client.get("/v1/datasets/markets.prices/latest", params=params).json()
        assert latest["count"] == 1
        assert [feed["id"] for feed in client.get("/v1/feeds").json()["feeds"]] == ["sim"]
        until(lambda: client.get("/ready").json()["ready"], what="readiness")
        assert desk.stop(signal.SIGINT) == 0
        assert "Traceback" not in desk.written()


def test_tls__is_spoken_by_the_port_the_links_and_the_command_line(tmp_path: Path, recorded: Path) -> None:
    folder, authority = tmp_path / "desk" / "data", trustme.CA()
    issued = authority.issue_cert("desk.example")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    issued.private_key_pem.write_to_path(str(key))
    given = {"POWERDESK_TLS__CERTIFICATE": str(certificate), "POWERDESK_TLS__KEY": str(key)}
    with processes.up(folder, **given) as desk:
        assert desk.owner.url.startswith("https://127.0.0.1:")
        with pytest.raises(httpx.TransportError):
            httpx.get(desk.owner.url.replace("https:", "http:") + "/health")
        imported = powerdesk("import", "nyiso", recorded, "--data", folder, "-o", "json")
        assert (imported.returncode, imported.stderr) == (0, "")
        link = json.loads(powerdesk("sign-in-link", "--data", folder, "-o", "json").stdout)["link"]
        assert link.startswith("https://localhost:")
        signed_in = desk.client.post(httpx.URL(link).path)
        assert signed_in.status_code == httpx.codes.SEE_OTHER
        assert "Secure" in signed_in.headers["set-cookie"]
        assert powerdesk("down", "--data", folder).returncode == 0


def test_tls__with_files_that_do_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    trustme.CA().issue_cert("desk.example").cert_chain_pems[0].write_to_path(str(certificate))
    given = {"POWERDESK_TLS__CERTIFICATE": str(certificate)}  # and no key anywhere
    refused = powerdesk("up", "--data", tmp_path / "data", "--port", "0", "--no-browser", **given)
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert "tls.certificate" in refused.stderr
    assert not (tmp_path / "data" / "hot.duckdb").exists()
