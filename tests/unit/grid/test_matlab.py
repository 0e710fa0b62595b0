"""The MATLAB of case files: how numbers, comments and statements may be written, and arithmetic of columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import matlab, matlab_arithmetic, matpower

TABLES = {"bus": np.array([[1.0, 100.0, 10.0], [2.0, 50.0, 5.0]])}
CASE = """function mpc = small
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
 1 3 0 0 0 0 1 1 0 12.66 1 1.1 0.9;
 2 1 100 60 0 0 1 1 0 12.66 1 1.1 0.9;
];
mpc.gen = [
 1 0 0 0 0 1 100 1 10 0;
];
mpc.branch = [
 1 2 0.5 0.25 0 0 0 0 0 0 1 -360 360;
];
"""
OHMS_AND_KILOWATTS = """
[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, ...
    VA, BASE_KV, ZONE, VMAX, VMIN] = idx_bus;
[F_BUS, T_BUS, BR_R, BR_X, BR_B, RATE_A, RATE_B, RATE_C, ...
    TAP, SHIFT, BR_STATUS, ANGMIN, ANGMAX, MU_ANGMIN, MU_ANGMAX] = idx_brch;
Vbase = mpc.bus(1, BASE_KV) * 1e3;      %% in volts
Sbase = mpc.baseMVA * 1e6;              %% in volt-amperes
mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);
pf = 0.85;
mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;
mpc.bus(:, QD) = mpc.bus(:, PD) * sin(acos(pf));
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("function", "\ufefffunction"),
        ("mpc.bus =", "%{\nmpc.baseMVA = 7;\n[ open\n%}\nmpc.bus ="),
        (" 2 1 100", "%{\n 9 9\n%}\n 2 1 100"),
        ("mpc.bus =", "# Octave's comment\nmpc.bus ="),
        (" 2 1 100", " 2 1 ... the load, in MW\n 100"),
        (" 2 1 100", " 2 1 50+2*25"),
        ("0.5 0.25", "1/2 25D-2"),
        ("'2';\nmpc.baseMVA", "'2'; mpc.baseMVA"),
        ("];\nmpc.gen =", "]; mpc.gen ="),
        ("mpc.bus =", "mpc.iflims.map = [1 -2];\nmpc.bus ="),
        ("mpc.bus =", "mpc.dcline = [];\nmpc.bus ="),
        ("= small", "... \n = small"),
    ],
)
def test_read__the_same_case_however_it_is_written(old: str, new: str) -> None:
    plain = matpower.read(CASE.encode(), file="case.m").network
    assert old in CASE

    other = matpower.read(CASE.replace(old, new, 1).encode(), file="case.m").network

    assert other.base_mva == plain.base_mva
    assert other.buses.load_mw.tolist() == plain.buses.load_mw.tolist()
    assert other.branches.resistance_pu.tolist() == plain.branches.resistance_pu.tolist()
    assert other.branches.reactance_pu.tolist() == plain.branches.reactance_pu.tolist()
    assert len(other.hvdc) == 0


def test_read__ohms_and_kilowatts_become_per_unit_and_megawatts() -> None:
    found = matpower.read((CASE + OHMS_AND_KILOWATTS).encode(), file="case.m").network

    assert found.buses.load_mw.tolist() == [0.0, 0.1]
    assert found.branches.resistance_pu[0] == pytest.approx(0.5 / (12.66**2 / 100.0), rel=1e-14)
    assert found.branches.reactance_pu[0] == pytest.approx(0.25 / (12.66**2 / 100.0), rel=1e-14)


@pytest.mark.parametrize(
    "statement",
    [
        "mpc.bus(:, PD) = mpc.bus(:, PD) * mpc.bus(:, PD);",
        "mpc.bus(mpc.bus(:, PD) == 0, PD) = 1;",
        "mpc.bus(3, PD) = 1;",
        "mpc.bus(2, :) = [];",
        "mpc.nothing(:, 1) = 2;",
        "mpc.bus = scale_load(2, mpc.bus);",
        "mpc.bus(:, PD) = mpc.bus(:, PD)';",
        "[a, b] = idx_bus;",
        "mpc.gencost = [2 0 0 2 1 0]';",
        "if nargin > 1",
    ],
)
def test_read__what_is_no_arithmetic_of_columns_is_a_finding(statement: str) -> None:
    found = matlab.parse(f"{CASE}{statement}\n", file="case.m").findings

    assert [one.pointer for one in found] == ["case.m:14"]
    assert statement[:12] in found[0].found or "gencost" in found[0].found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-2^2", -4.0),
        ("2^-1", 0.5),
        ("2*(3+4)/7", 2.0),
        ("8/4/2", 1.0),
        ("1e3-1D2", 900.0),
        ("--3", 3.0),
        ("sqrt(16)*pi/pi", 4.0),
        ("2.*3", 6.0),
        ("acos(-1)", np.pi),
    ],
)
def test_number__follows_the_order_of_operations(text: str, value: float) -> None:
    assert matlab_arithmetic.number(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("text", ["", "1 2", "1'", "x", "(1", "1)", "sin", "sin()", "2**3", "[1 2]", "(" * 50 + "1"])
def test_number__refuses_what_is_none(text: str) -> None:
    with pytest.raises(matlab_arithmetic.NoArithmeticError):
        matlab_arithmetic.number(text)


def test_assigned__moves_the_columns_named_and_no_other() -> None:
    found = matlab_arithmetic.assigned(
        "mpc.bus(:, 2:3)", "k * mpc.bus(:, [3 2]) + 1", tables=TABLES, scalars={"k": 2.0}
    )

    assert found.tolist() == [[1.0, 21.0, 201.0], [2.0, 11.0, 101.0]]
    assert TABLES["bus"][0].tolist() == [1.0, 100.0, 10.0]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="12.+-*/^()[]:, ebusPD\n'=;%", max_size=40))
def test_arithmetic__any_text_is_a_value_or_refused(text: str) -> None:
    try:
        found = matlab_arithmetic.value(text, tables=TABLES, scalars={"P": 2.0})
    except matlab_arithmetic.NoArithmeticError:
        return
    assert found.ndim == 2
