"""Take the pictures that the pages show: a desk of its own with the simulated market, seen by headless Chromium.

Needs the built hub (`make web`), Node with web/node_modules, and a Chromium (CHROMIUM names its program). Writes
docs/pictures/*.png and refuses one above 300 kB.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "pictures"
LARGEST_BYTES = 300_000
READY_S = 600.0
LOOK_EVERY_S = 1.0
HISTORY = timedelta(hours=30)
"""How far back the pictures look."""
SHOTS = (
    ("prices-dark", 1440, 900, "dark", "/prices?market=SIM"),
    ("prices-light", 1440, 900, "light", "/prices?market=SIM"),
    ("prices-phone", 390, 844, "dark", "/prices?market=SIM"),
    ("price-drawer-dark", 1440, 900, "dark", "/prices?market=SIM&row=SIM:HUB_NORTH"),
    ("map-dark", 1440, 900, "dark", "/map?market=SIM&at=AT"),
    ("map-light", 1440, 900, "light", "/map?market=SIM&at=AT&row=BUS"),
    ("map-phone", 390, 844, "dark", "/map?market=SIM&at=AT"),
    ("constraints-dark", 1440, 900, "dark", "/constraints?market=SIM&sort=week:desc"),
    ("constraint-light", 1440, 900, "light", "/constraints?market=SIM&sort=week:desc&row=CONSTRAINT"),
    ("status-dark", 1440, 900, "dark", "/status"),
    ("dataset-light", 1440, 900, "light", "/datasets/markets.prices"),
    ("access-dark", 1440, 900, "dark", "/access?tab=entitlements"),
)
"""Name, width, height, theme, address within the hub; AT, CONSTRAINT, BUS stand for the dearest limit of 30 hours."""
SCRIPT = """
import { chromium } from 'playwright-core'
const { link, base, out, shots, chrome } = JSON.parse(process.env.PICTURES)
const browser = await chromium.launch({ executablePath: chrome, args: ['--no-sandbox', '--disable-gpu'] })
const context = await browser.newContext()
const page = await context.newPage()
await page.goto(link)
await page.locator('button').click()
await page.waitForURL(base + '/**')
await page.getByPlaceholder('At least 12 characters').fill(crypto.randomUUID())
await page.getByText('Set password').click()
await page.waitForTimeout(1500)
const read = (path) => page.evaluate(async (address) => (await (await fetch(address)).json()).columns, path)
const from = new Date(Date.now() - 30 * 3_600_000).toISOString()
const span = `start=${from}&end=${new Date().toISOString()}`
const bound = await read(`/v1/datasets/grid.shadow_prices/rows?market=SIM&market_run=RT5&limit=5000&${span}`)
const most = bound.shadow_price_per_mwh.indexOf(Math.max(...bound.shadow_price_per_mwh))
const constraint = encodeURIComponent(bound.constraint[most])
const bus = (await read(`/v1/datasets/grid.constraints/latest?market=SIM&constraint=${constraint}`)).to_bus[0]
const at = bound.interval_start[most]
const fill = (path) => path.replace('AT', at).replace('CONSTRAINT', constraint).replace('BUS', bus)
for (const [name, width, height, theme, path] of shots) {
  await page.setViewportSize({ width, height })
  await page.evaluate((chosen) => localStorage.setItem('pd-theme', chosen), theme)
  await page.goto(base + fill(path))
  await page.waitForTimeout(2500)
  await page.screenshot({ path: `${out}/${name}.png` })
}
await browser.close()
"""


def main() -> int:
    """Take every picture; 1 with the reason when something needed is absent."""
    program = shutil.which("powerdesk", path=Path(sys.executable).parent)
    chrome = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    node = shutil.which("node") or shutil.which("node", path=Path(sys.executable).parent)
    wanted = {"powerdesk (make setup)": program, "Chromium (set CHROMIUM)": chrome, "Node (make web)": node}
    lacking = [name for name, found in wanted.items() if not found]
    if lacking:
        print(f"found no {', no '.join(lacking)}: pictures need all three")
        return 1
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "POWERDESK_DATA": folder}
        started = [str(program), "up", "--port", "0", "--feeds", "sim", "--no-browser"]
        with (Path(folder) / "desk.log").open("wb") as log:
            desk = subprocess.Popen(started, env=environment, stdout=log, stderr=log)
        try:
            shoot(str(program), str(chrome), str(node), environment=environment)
        finally:
            desk.terminate()
            desk.wait(timeout=30)
    for name, *_ in SHOTS:
        weigh(OUT / f"{name}.png")
    return 0


def shoot(program: str, chrome: str, node: str, *, environment: dict[str, str]) -> None:
    """Wait until the desk's history is made, sign in by a link, and take every picture."""
    wait_for((Path(environment["POWERDESK_DATA"]) / "owner.json").exists, what="desk")
    wait_for(lambda: history_made(program, environment), what="complete history")
    link = json.loads(ask(program, "sign-in-link", environment=environment))["link"]
    base = link.partition("/sign-in/")[0]
    told = {"link": link, "base": base, "out": str(OUT), "shots": SHOTS, "chrome": chrome}
    script = ROOT / "web" / "pictures.tmp.mjs"  # beside node_modules, where imports are looked for
    script.write_text(SCRIPT, encoding="utf-8")
    try:
        subprocess.run([node, str(script)], check=True, env={**environment, "PICTURES": json.dumps(told)}, timeout=180)
    finally:
        script.unlink()


def wait_for(ready: Callable[[], bool], *, what: str) -> None:
    """Return once `ready` says so; TimeoutError after ten minutes."""
    until = time.monotonic() + READY_S
    while not ready():
        if time.monotonic() > until:
            raise TimeoutError(f"found no {what} after {READY_S:.0f} s; see whether `powerdesk up` works by hand")
        time.sleep(LOOK_EVERY_S)


def history_made(program: str, environment: dict[str, str]) -> bool:
    """Tell whether no history is left to make: the feed says so, and the oldest price is not from this hour."""
    told = ask(program, "feeds", "list", environment=environment)
    query = ("get", "markets.prices", "--location", "SIM:HUB_NORTH", "--run", "RT5", "--limit", "1")
    oldest = ask(program, *query, environment=environment)
    if not told or not oldest or json.loads(told.splitlines()[0])["backfill"] is not None:
        return False
    return datetime.now(UTC) - datetime.fromisoformat(json.loads(oldest)["interval_start"]) > HISTORY


def ask(program: str, *verb: str, environment: dict[str, str]) -> str:
    """Return what a verb prints as JSON; nothing while the desk does not answer."""
    command = [program, *verb, "-o", "json"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60).stdout


def weigh(path: Path) -> None:
    """Print a picture's size; ValueError when the repository should not carry it."""
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT).as_posix()} {size / 1000:.0f} kB")
    if size > LARGEST_BYTES:
        raise ValueError(f"{path.name} has {size} bytes, at most {LARGEST_BYTES}: show less in it")


if __name__ == "__main__":
    sys.exit(main())
