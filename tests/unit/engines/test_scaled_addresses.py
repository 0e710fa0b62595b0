"""Addresses of shared engines: what they mean, what is refused, and that no secret is ever shown."""

from __future__ import annotations

import pytest

from powerdesk.engines.ports import faults
from powerdesk.engines.scaled import bus_address, objects_address


def test_bus_address__names_brokers_prefix_and_keyed_topics() -> None:
    url = "kafka://a:9092,b:9093?prefix=desk.&partitions=x.y:4,z:2&replicas=3&timeout_s=2&security=sasl_ssl&ca=/ca.pem"
    assert bus_address.parse(url) == bus_address.KafkaAddress(
        servers=("a:9092", "b:9093"),
        prefix="desk.",
        partitions={"x.y": 4, "z": 2},
        replicas=3,
        timeout_s=2.0,
        security=bus_address.Security.SASL_SSL,
        ca="/ca.pem",
    )


@pytest.mark.parametrize(
    "url",
    [
        "kafka://",
        "kafka://a",
        "http://a:1",
        "kafka://a:1/path",
        "kafka://a:1?prefx=x",
        "kafka://a:1?prefix=UP",
        "kafka://a:1?partitions=x:0",
        "kafka://a:1?partitions=x",
        "kafka://a:1?timeout_s=0",
        "kafka://a:1?timeout_s=nan",
        "kafka://a:1?security=none",
    ],
)
def test_bus_address__refuses_what_it_cannot_mean(url: str) -> None:
    with pytest.raises(faults.UnfitRequestError):
        bus_address.parse(url)


def test_objects_address__names_bucket_prefix_and_server() -> None:
    assert objects_address.parse("s3://desk-1/a/b?endpoint=https://s3.example.org&region=eu-1&timeout_s=3") == (
        objects_address.BucketAddress(
            bucket="desk-1", prefix="a/b", endpoint="https://s3.example.org", region="eu-1", timeout_s=3.0
        )
    )


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3://B",
        "gs://desk",
        "s3://desk?endpoint=ftp://x",
        "s3://desk?port=1",
        "s3://desk/.hidden",
        "s3://desk?timeout_s=nan",
    ],
)
def test_objects_address__refuses_what_it_cannot_mean(url: str) -> None:
    with pytest.raises(faults.UnfitRequestError):
        objects_address.parse(url)


def test_addresses__never_repeat_a_secret() -> None:
    for parse, url in (
        (bus_address.parse, "kafka://me:hush@a:1"),
        (objects_address.parse, "s3://me:hush@desk"),
        (objects_address.parse, "s3://desk?endpoint=https://me:hush@host"),
    ):
        with pytest.raises(faults.UnfitRequestError) as told:
            parse(url)
        assert "hush" not in str(told.value)
    assert "hush" not in repr(bus_address.KafkaUser("me", "hush"))
    assert "hush" not in repr(objects_address.BucketUser("me", "hush", "hush"))
