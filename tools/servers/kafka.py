"""Apache Kafka 4.1, one node that is broker and controller (KRaft), from the Maven artefacts."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from servers import base, debian

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = "4.1.0"
JARS = Path.home() / ".cache" / "powerdesk" / "servers" / f"kafka-{VERSION}"
POM = f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>powerdesk</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""
CLUSTER_ID = "cG93ZXJkZXNrLXRlc3RzMQ"  # any 16 bytes in base64; a node keeps the one it was formatted with
HEAP = "512m"
SOON_UP = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
"""For tests, which wait for the start more than for the messages; a benchmark takes Java as it is."""
ANSWER_S = 2.0


class Kafka(base.Server):
    """One node without replicas: what it acknowledged survives kill -9, since the system keeps its pages."""

    name = "kafka"

    def __init__(self, folder: Path, *, port: int | None = None, java: tuple[str, ...] = SOON_UP) -> None:
        super().__init__(folder, port=port)
        self._options = java
        self.controller_port = base.free_port()

    @classmethod
    def missing(cls) -> str | None:
        """Return what is lacking: Java, the jars, or the client library."""
        if shutil.which("java") is None:
            return "java (Debian's package default-jre-headless)"
        if not any(JARS.glob("kafka_2.13-*.jar")):
            return f"Kafka's jars in {JARS}"
        if importlib.util.find_spec("confluent_kafka") is None:
            return "the client: python tools/setup.py --extra scaled"
        return None

    @classmethod
    def install(cls) -> None:
        """Get Java and Maven by apt where they lack, and Kafka's jars by Maven."""
        for program, package in (("java", "default-jre-headless"), ("mvn", "maven")):
            if shutil.which(program) is None:
                debian.install_package(package)
        if any(JARS.glob("kafka_2.13-*.jar")):
            return
        JARS.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=JARS.parent) as folder:
            (Path(folder) / "pom.xml").write_text(POM, encoding="ascii")
            goal = ["dependency:copy-dependencies", "-DoutputDirectory=jars"]
            subprocess.run([shutil.which("mvn") or "mvn", "-q", "-B", *goal], cwd=folder, check=True)
            (Path(folder) / "jars").replace(JARS)  # whole or not at all

    @property
    def url(self) -> str:
        """Return the address of the broker."""
        return f"kafka://127.0.0.1:{self.port}"

    @property
    def servers(self) -> str:
        """Return the address as Kafka's own clients take it."""
        return f"127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Write the node's properties and format its folder; once."""
        properties = self.folder / "server.properties"
        if properties.exists():
            return
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "log.dirs": str(self.folder / "log"),
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "broker.session.timeout.ms": "3000",  # a killed broker may come back this soon, not after 9 s
            "broker.heartbeat.interval.ms": "500",
        }
        properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
        format_command = self._java("64m", "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties))
        answer = subprocess.run(format_command, check=False, capture_output=True, text=True)
        if answer.returncode != 0:
            properties.unlink()
            raise base.ServerDidNotStartError(f"kafka's folder could not be formatted:\n{answer.stderr[-2000:]}")

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return self._java(HEAP, "kafka.Kafka", str(self.folder / "server.properties"))

    def healthy(self) -> bool:
        """Ask the broker for its cluster."""
        from confluent_kafka.admin import AdminClient  # noqa: PLC0415 - an extra that a laptop may lack

        client = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        return bool(client.list_topics(timeout=ANSWER_S).brokers)

    def _java(self, heap: str, *arguments: str) -> list[str]:
        return [shutil.which("java") or "java", f"-Xmx{heap}", *self._options, "-cp", f"{JARS}/*", *arguments]
