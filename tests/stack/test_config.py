"""The Collector and Jaeger themselves say whether the configurations in collector/ are valid."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from processes import as_compose_reads

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "collector"
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
SECTIONS = ("receivers", "processors", "exporters", "extensions")


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def _validate(binary: str, config: Path, env: dict[str, str]) -> None:
    done = subprocess.run(
        [binary, "validate", "--config", str(config)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("service", "file"), [("collector", "config.yaml"), ("jaeger", "jaeger.yaml")])
def test_what_compose_mounts_is_valid_as_compose_runs_it(
    stack_binaries: dict[str, str], service: str, file: str
) -> None:
    _validate(stack_binaries[service], FOLDER / file, as_compose_reads(SERVICES[service]["environment"]))


@pytest.mark.parametrize("file", ["gateway.yaml", "worker.yaml"])
def test_the_scaled_out_tiers_are_valid(stack_binaries: dict[str, str], tmp_path: Path, file: str) -> None:
    _validate(stack_binaries["collector"], FOLDER / "scale-out" / file, {})


def test_the_agent_tier_is_valid_but_for_the_balancer_itself(stack_binaries: dict[str, str], tmp_path: Path) -> None:
    """``load_balancing`` is not in this build; what it wraps, an OTLP exporter with its queue, is checked instead."""
    config = _load(FOLDER / "scale-out" / "agent.yaml")
    balancer = config["exporters"].pop("load_balancing")
    assert balancer["routing_key"] == "traceID"
    assert set(balancer) == {"routing_key", "protocol", "resolver", "sending_queue", "retry_on_failure"}
    queue = {key: balancer[key] for key in ("sending_queue", "retry_on_failure")}
    config["exporters"]["otlp_grpc"] = {"endpoint": "gateway:4317", **balancer["protocol"]["otlp"], **queue}
    config["service"]["pipelines"]["traces"]["exporters"] = ["otlp_grpc"]
    stand_in = tmp_path / "agent.yaml"
    stand_in.write_text(yaml.safe_dump(config))
    _validate(stack_binaries["collector"], stand_in, {})


def test_a_mistake_in_a_configuration_is_found(stack_binaries: dict[str, str], tmp_path: Path) -> None:
    broken = tmp_path / "config.yaml"
    broken.write_text((FOLDER / "config.yaml").read_text().replace("max_elapsed_time", "max_elapsed_tyme"))
    with pytest.raises(AssertionError, match="max_elapsed_tyme"):
        _validate(stack_binaries["collector"], broken, {})


def test_the_built_collector_has_exactly_what_the_configurations_name(stack_binaries: dict[str, str]) -> None:
    listed = subprocess.run([stack_binaries["collector"], "components"], capture_output=True, text=True, check=True)
    built = yaml.safe_load(listed.stdout)
    named: dict[str, set[str]] = {section: set() for section in SECTIONS}
    for path in [FOLDER / "config.yaml", *(FOLDER / "scale-out").glob("*.yaml")]:
        for section in SECTIONS:
            named[section] |= {re.sub(r"/.*", "", name) for name in _load(path).get(section, {})}
    named["exporters"].discard("load_balancing")
    assert {section: {item["name"] for item in built[section]} for section in SECTIONS} == named
