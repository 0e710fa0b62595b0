"""Payloads as CAISO and NYISO would send them, for any day, made from one formula; clock-change days included."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PACIFIC, EASTERN = ZoneInfo("America/Los_Angeles"), ZoneInfo("America/New_York")
HOUR, FIVE_MINUTES = timedelta(hours=1), timedelta(minutes=5)
NYISO_NAMES = (
    ("CAPITL", 61757),
    ("CENTRL", 61754),
    ("DUNWOD", 61760),
    ("GENESE", 61753),
    ("H Q", 61844),
    ("HUD VL", 61758),
    ("LONGIL", 61762),
    ("MHK VL", 61756),
    ("MILLWD", 61759),
    ("N.Y.C.", 61761),
    ("NORTH", 61755),
    ("NPX", 61845),
    ("O H", 61846),
    ("PJM", 61847),
    ("WEST", 61752),
)
FUELS = ("Dual Fuel", "Natural Gas", "Nuclear", "Other Fossil Fuels", "Other Renewables", "Wind", "Hydro")
OASIS_TYPES = ("LMP", "MCE", "MCC", "MCL", "MGHG")
OASIS_REPORTS = {
    ("PRC_LMP", "DAM"): ("MW", HOUR),
    ("PRC_RTPD_LMP", "RTPD"): ("PRC", timedelta(minutes=15)),
    ("PRC_INTVL_LMP", "RTM"): ("VALUE", FIVE_MINUTES),
}
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the local day in UTC."""
    first = datetime(day.year, day.month, day.day, tzinfo=zone)
    following = day + timedelta(days=1)
    last = datetime(following.year, following.month, following.day, tzinfo=zone)
    return first.astimezone(UTC), last.astimezone(UTC)


def starts(low: datetime, high: datetime, step: timedelta) -> Iterator[datetime]:
    """Yield interval starts from low (inclusive) to high (exclusive)."""
    while low < high:
        yield low
        low += step


def parts(name: str, start: datetime, *, shift: float = 0.0) -> dict[str, float]:
    """Return the true price parts in cents-exact USD/MWh; congestion with our sign (positive raises the price)."""
    tick = int((start - _EPOCH) / FIVE_MINUTES)
    salt = sum(name.encode()) % 97
    energy = round(30 + (tick % 288) / 20 + shift, 2)
    congestion = round((salt % 11) - 5 + (tick % 7) / 10, 2)
    loss = round((salt % 5) / 4 - 0.5, 2)
    ghg = round((salt % 3) / 10, 2)
    return {"energy": energy, "congestion": congestion, "loss": loss, "ghg": ghg}


def oasis_csv(report: str, run: str, *, nodes: Iterable[str], low: datetime, high: datetime, shift: float = 0.0) -> str:
    """Return a PRC_* report in OASIS's long form."""
    value, step = OASIS_REPORTS[(report, run)]
    lines = [
        (
            "INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,OPR_DT,OPR_HR,OPR_INTERVAL,NODE_ID_XML,NODE_ID,NODE,MARKET_RUN_ID,"
            f"LMP_TYPE,XML_DATA_ITEM,PNODE_RESMRID,GRP_TYPE,POS,{value},GROUP"
        )
    ]
    for start in starts(low, high, step):
        local = start.astimezone(PACIFIC)
        for node in nodes:
            true = parts(node, start, shift=shift)
            if run != "DAM":
                true["ghg"] = 0.0
            figures = {
                "LMP": round(sum(true.values()), 2),
                "MCE": true["energy"],
                "MCC": true["congestion"],
                "MCL": true["loss"],
                "MGHG": true["ghg"],
            }
            lines.extend(
                f"{_gmt(start)},{_gmt(start + step)},{local:%Y-%m-%d},{local.hour + 1},0,{node},{node},{node},{run},"
                f"{kind},{kind}_PRC,{node},ALL,1,{figures[kind]:.2f},1"
                for kind in OASIS_TYPES
            )
    return "\n".join(lines) + "\n"


def oasis_load_csv(run: str, *, low: datetime, high: datetime) -> str:
    """Return an SLD_FCST report."""
    lines = [
        (
            "INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,LOAD_TYPE,OPR_DT,OPR_HR,OPR_INTERVAL,MARKET_RUN_ID,TAC_AREA_NAME,"
            "LABEL,XML_DATA_ITEM,POS,MW,EXECUTION_TYPE,GROUP"
        )
    ]
    lines.extend(
        f"{_gmt(start)},{_gmt(start + HOUR)},0,{start.astimezone(PACIFIC):%Y-%m-%d},1,0,{run},CA ISO-TAC,Demand,X,1,"
        f"{20000 + start.hour * 100}.5,{run},1"
        for start in starts(low, high, HOUR)
    )
    return "\n".join(lines) + "\n"


def oasis_renewables_csv(run: str, *, low: datetime, high: datetime) -> str:
    """Return an SLD_REN_FCST report."""
    lines = [
        (
            "OPR_DT,OPR_HR,OPR_INTERVAL,INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,TRADING_HUB,RENEWABLE_TYPE,LABEL,"
            "XML_DATA_ITEM,MARKET_RUN_ID_POS,RENEW_POS,MW,MARKET_RUN_ID,GROUP"
        )
    ]
    for start in starts(low, high, HOUR):
        day = f"{start.astimezone(PACIFIC):%Y-%m-%d}"
        for hub in ("NP15", "SP15", "ZP26"):
            lines.extend(
                f"{day},1,0,{_gmt(start)},{_gmt(start + HOUR)},{hub},{fuel},Forecast,X,1,2,{start.hour * 10}.25,{run},1"
                for fuel in ("Solar", "Wind")
            )
    return "\n".join(lines) + "\n"


def oasis_refusal(code: int) -> bytes:
    """Return the zip with which OASIS refuses."""
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<m:OASISReport xmlns:m="http://www.caiso.com/soa/OASISReport_v1.xsd">'
        f"<m:MessagePayload><m:RTO><m:name>CAISO</m:name><m:ERROR><m:ERR_CODE>{code}</m:ERR_CODE>"
        "<m:ERR_DESC>refused for the test</m:ERR_DESC></m:ERROR></m:RTO></m:MessagePayload></m:OASISReport>"
    )
    return zipped({"INVALID_REQUEST.xml": document})


def _local_text(instant: datetime, *, seconds: bool) -> str:
    pattern = "%m/%d/%Y %H:%M:%S" if seconds else "%m/%d/%Y %H:%M"
    return instant.astimezone(EASTERN).strftime(pattern)


def nyiso_prices_csv(kind: str, day: date, *, shift: float = 0.0) -> str:
    """Return `damlbmp` (label: beginning of the hour) or `realtime` (label: end of five minutes) for a local day."""
    step = HOUR if kind == "damlbmp" else FIVE_MINUTES
    lines = [
        '"Time Stamp","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)","Marginal Cost Congestion ($/MWHr)"'
    ]
    for start in starts(*day_bounds(day, EASTERN), step):
        stamp = _local_text(start if kind == "damlbmp" else start + step, seconds=kind == "realtime")
        for name, ptid in NYISO_NAMES:
            true = parts(name, start, shift=shift)
            lbmp = true["energy"] + true["congestion"] + true["loss"]
            lines.append(f'"{stamp}","{name}",{ptid},{lbmp:.2f},{true["loss"]:.2f},{-true["congestion"]:.2f}')
    return "\n".join(lines) + "\n"


def nyiso_price_now_csv(now: datetime, *, price: float) -> str:
    """Return a `realtime` file of one price, of the five minutes that ended last; it names the zone of its clock.

    Without that column a lone row of the repeated hour is not decided.
    """
    ended = (now - (now - _EPOCH) % FIVE_MINUTES).astimezone(EASTERN)
    return (
        '"Time Stamp","Time Zone","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)",'
        '"Marginal Cost Congestion ($/MWHr)"\n'
        f'"{_local_text(ended, seconds=True)}","{ended.tzname()}","N.Y.C.",61761,{price:.2f},1.00,-2.00\n'
    )


def nyiso_load_csv(day: date) -> str:
    """Return `pal`: stamps at the beginning of five minutes, with the time zone, for the 11 zones."""
    lines = ['"Time Stamp","Time Zone","Name","PTID","Load"']
    for start in starts(*day_bounds(day, EASTERN), FIVE_MINUTES):
        local = start.astimezone(EASTERN)
        lines.extend(
            f'"{local:%m/%d/%Y %H:%M:%S}","{local.tzname()}","{name}",{ptid},{1000 + ptid % 100 + start.hour}.5'
            for name, ptid in NYISO_NAMES
            if ptid < 61800
        )
    return "\n".join(lines) + "\n"


def nyiso_fuel_mix_csv(day: date) -> str:
    """Return `rtfuelmix`: stamps at the end of five minutes, with the time zone."""
    lines = ["Time Stamp,Time Zone,Fuel Category,Gen MW"]
    for start in starts(*day_bounds(day, EASTERN), FIVE_MINUTES):
        local = (start + FIVE_MINUTES).astimezone(EASTERN)
        lines.extend(
            f"{local:%m/%d/%Y %H:%M:%S},{local.tzname()},{fuel},{500 + len(fuel) * 10 + start.hour}.0" for fuel in FUELS
        )
    return "\n".join(lines) + "\n"


def nyiso_load_forecast_csv(day: date) -> str:
    """Return `isolf`: six local days by hour, one column per zone."""
    zones = ("Capitl", "Centrl", "Dunwod", "Genese", "Hud Vl", "Longil", "Mhk Vl", "Millwd", "N.Y.C.", "North", "West")
    lines = [",".join(f'"{name}"' for name in ("Time Stamp", *zones, "NYISO"))]
    low, _ = day_bounds(day, EASTERN)
    _, high = day_bounds(day + timedelta(days=5), EASTERN)
    for start in starts(low, high, HOUR):
        figures = [1000 + position * 10 + start.hour for position in range(len(zones))]
        lines.append(f'"{_local_text(start, seconds=False)}",' + ",".join(map(str, [*figures, sum(figures)])))
    return "\n".join(lines) + "\n"


def nyiso_csv(kind: str, day: date, *, shift: float = 0.0) -> str:
    """Return the daily file of a MIS report."""
    if kind in ("damlbmp", "realtime"):
        return nyiso_prices_csv(kind, day, shift=shift)
    makers = {"pal": nyiso_load_csv, "rtfuelmix": nyiso_fuel_mix_csv, "isolf": nyiso_load_forecast_csv}
    return makers[kind](day)


def zipped(files: dict[str, str]) -> bytes:
    """Return a deflated zip of text files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def _gmt(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%S}-00:00"
