"""Made-up requests by the OpenAPI document: the desk never fails, and answers as the document says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests  # noqa: TID251 - what the tool speaks HTTP with
import running_desk
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.openapi import from_dict

from powerdesk.app import gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    import schemathesis

pytestmark = pytest.mark.slow
load_all_checks()
WANTED = ("not_a_server_error", "content_type_conformance", "response_schema_conformance", "status_code_conformance")
CHOSEN = [CHECKS.get_one(name) for name in WANTED]
LEFT_OUT = ("/v1/operator/shutdown", "/v1/stream/sse")
"""One would end the desk, the other never ends by itself; both have tests of their own."""
EXAMPLES = 3
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
"""As described, and not as described: both must be answered without an error of ours."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running_desk.RunningDesk]:
    with running_desk.running(tmp_path_factory.mktemp("openapi")) as desk:
        for market in running_desk.SOURCES:
            desk.accept(running_desk.prices(market, "A", "B"))
        yield desk


def test_made_up_requests__are_answered_as_described(served: running_desk.RunningDesk) -> None:
    schema = from_dict(gateway.application(served.desk).openapi())
    schema.config.update(base_url=served.base)
    headers = {"Authorization": f"Bearer {served.desk.ownership.token}"}
    asked: list[str] = []
    faults: dict[str, Exception] = {}
    with requests.Session() as session:
        for found in schema.get_all_operations():
            operation = found.ok()
            for mode in MODES if operation.path not in LEFT_OUT else ():

                @given(case=operation.as_strategy(generation_mode=mode))
                @settings(
                    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
                )
                def ask(case: schemathesis.Case) -> None:
                    asked.append(case.path)
                    case.call_and_validate(session=session, headers=headers, checks=CHOSEN)

                try:
                    ask()
                except Unsatisfiable:
                    assert mode is GenerationMode.NEGATIVE, operation.label  # nothing can be wrong about it
                except Exception as fault:  # noqa: BLE001 - all faults are shown at once
                    faults[f"{operation.label}, {mode.value}"] = fault
    assert len(set(asked)) > 40
    assert not faults, "\n\n".join(f"{label}: {fault}" for label, fault in faults.items())
