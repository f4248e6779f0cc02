"""docker-compose.yml and what it mounts, as far as they can be checked without a Docker engine.

``tests/stack`` runs the mounted configurations for real.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
COLLECTOR = yaml.safe_load((ROOT / "collector" / "config.yaml").read_text())
JAEGER = yaml.safe_load((ROOT / "collector" / "jaeger.yaml").read_text())
MIB = 1024 * 1024

each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def _mounts(service: dict[str, Any]) -> list[tuple[str, str]]:
    return [(source, target) for source, target, *_ in (volume.split(":") for volume in service.get("volumes", []))]


def _default(setting: str) -> str:
    """What a setting with variables in it is when none of them is set."""
    return re.sub(r"\$\{env:\w+:-([^}]*)\}", r"\1", setting)


def test_the_three_that_a_user_asks_for_are_there() -> None:
    assert {"postgres", "jaeger", "collector"} <= SERVICES.keys()


@each_service
def test_ports_are_on_loopback_only(service: dict[str, Any]) -> None:
    for port in service.get("ports", []):
        assert str(port).startswith("127.0.0.1:")
    assert service.get("network_mode") != "host"


@each_service
def test_images_are_pinned_to_a_release(service: dict[str, Any]) -> None:
    if "build" not in service:
        assert re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*", service["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_that_stays_up_says_whether_it_is_well(name: str) -> None:
    service = SERVICES[name]
    if service["restart"] == "no":
        return
    probe = service if "healthcheck" in service else SERVICES[f"{name}-health"]
    assert probe["healthcheck"]["test"][0] == "CMD"


@each_service
def test_no_service_lives_in_the_network_of_another(service: dict[str, Any]) -> None:
    """Such a namespace ends with its owner's container; the neighbour then stays unhealthy for good."""
    assert not str(service.get("network_mode", "")).startswith(("service:", "container:"))


@pytest.mark.parametrize(
    ("probe", "host", "endpoint"),
    [
        ("collector-health", "collector", COLLECTOR["extensions"]["health_check"]["endpoint"]),
        ("jaeger", "127.0.0.1", JAEGER["extensions"]["healthcheckv2"]["http"]["endpoint"]),
    ],
)
def test_health_is_asked_where_it_is_answered(probe: str, host: str, endpoint: str) -> None:
    port = _default(endpoint).rpartition(":")[2]
    assert f"http://{host}:{port}/" in SERVICES[probe]["healthcheck"]["test"][-1]


@each_service
def test_mounted_files_exist_and_are_read_only(service: dict[str, Any]) -> None:
    for volume in service.get("volumes", []):
        if volume.startswith("."):
            assert (ROOT / volume.split(":")[0]).is_file()
            assert volume.endswith(":ro")


def test_volumes_are_declared_and_belong_to_those_who_write_them() -> None:
    owner = SERVICES["volume-owner"]
    for name, service in SERVICES.items():
        for source, target in _mounts(service):
            if source.startswith("."):
                continue
            assert source in COMPOSE["volumes"]
            if name not in {"postgres", "volume-owner"}:  # Postgres's image takes its own volume over
                assert (source, target) in _mounts(owner)
                assert target in owner["entrypoint"]
                assert service["depends_on"]["volume-owner"]["condition"] == "service_completed_successfully"


@each_service
def test_no_secret_is_in_the_file(service: dict[str, Any]) -> None:
    for key, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|TOKEN|KEY", key):
            assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", str(value)), "from outside, and asked for where it lacks"
    assert not re.search(r"://[^/\s:]+:[^$@\s/]+@", str(service))


def test_any_password_will_do() -> None:
    """In a URL, a password with ``@`` or ``/`` in it would end it early."""
    collect, postgres = SERVICES["collect"]["environment"], SERVICES["postgres"]["environment"]
    assert "$" not in collect["ATLAS_OTEL_DATABASE_URL"]
    assert collect["PGPASSWORD"] == postgres["POSTGRES_PASSWORD"]
    user, _, rest = collect["ATLAS_OTEL_DATABASE_URL"].removeprefix("postgresql://").partition("@")
    assert (user, rest) == (postgres["POSTGRES_USER"], f"postgres:5432/{postgres['POSTGRES_DB']}")


def test_what_compose_sets_is_what_the_configurations_read() -> None:
    for name, file in (("collector", "config.yaml"), ("jaeger", "jaeger.yaml")):
        read = set(re.findall(r"\$\{env:(\w+)", (ROOT / "collector" / file).read_text()))
        written = {key for key in SERVICES[name]["environment"] if key.startswith("ATLAS_")}
        assert written <= read


def test_published_ports_are_those_that_are_listened_on() -> None:
    listens = {
        "collector": [protocol["endpoint"] for protocol in COLLECTOR["receivers"]["otlp"]["protocols"].values()],
        "jaeger": [JAEGER["extensions"]["jaeger_query"]["http"]["endpoint"]],
    }
    for name, endpoints in listens.items():
        inside = {port.rpartition(":")[2] for port in SERVICES[name]["ports"]}
        assert inside == {_default(endpoint).rpartition(":")[2] for endpoint in endpoints}


def test_the_collector_sends_to_where_jaeger_listens() -> None:
    host, _, port = SERVICES["collector"]["environment"]["ATLAS_JAEGER_ENDPOINT"].partition(":")
    assert host in SERVICES
    assert port == _default(JAEGER["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]).rpartition(":")[2]


def test_the_tested_collector_is_the_version_that_compose_runs() -> None:
    manifest = yaml.safe_load((ROOT / "collector" / "builder.yaml").read_text())
    assert SERVICES["collector"]["image"].endswith(":" + manifest["dist"]["version"])


@pytest.mark.parametrize("exporter", COLLECTOR["exporters"].values(), ids=COLLECTOR["exporters"])
def test_every_exporter_keeps_its_queue_on_disk_and_never_gives_up(exporter: dict[str, Any]) -> None:
    queue = exporter["sending_queue"]
    assert queue["storage"] in COLLECTOR["service"]["extensions"]
    assert exporter["retry_on_failure"]["max_elapsed_time"] == 0
    # A span over max_size is dropped by the exporter: nothing that a receiver lets in may be larger.
    protocols = COLLECTOR["receivers"]["otlp"]["protocols"]
    assert queue["sizer"] == "bytes"
    assert queue["batch"]["max_size"] >= protocols["grpc"]["max_recv_msg_size_mib"] * MIB
    assert queue["batch"]["max_size"] >= protocols["http"]["max_request_body_size"]


def test_memory_is_limited_first_in_every_pipeline() -> None:
    for pipeline in COLLECTOR["service"]["pipelines"].values():
        assert pipeline["processors"][0] == "memory_limiter"
    limit = COLLECTOR["processors"]["memory_limiter"]["limit_mib"]
    assert limit < int(SERVICES["collector"]["mem_limit"].removesuffix("m"))


def test_jaeger_keeps_its_traces_on_its_volume() -> None:
    badger = JAEGER["extensions"]["jaeger_storage"]["backends"]["traces"]["badger"]
    assert badger["ephemeral"] is False
    (volume,) = (target for source, target in _mounts(SERVICES["jaeger"]) if source == "jaeger")
    assert SERVICES["jaeger"]["environment"]["ATLAS_JAEGER_DIR"] == volume
    assert all(folder.startswith("${env:ATLAS_JAEGER_DIR:-") for folder in badger["directories"].values())


def test_the_readme_explains_every_block() -> None:
    text = (ROOT / "collector" / "README.md").read_text()
    blocks = [
        name
        for config in (COLLECTOR, JAEGER)
        for section in ("extensions", "receivers", "processors", "exporters")
        for name in config.get(section, {})
    ]
    assert not [name for name in [*blocks, *SERVICES] if f"`{name}`" not in text]
