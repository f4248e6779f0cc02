"""A command-line agent, once, without a screen: ``command_line.py codex|gemini|copilot|claude``. Its home is empty; its
model and its telemetry are at ``MODEL_URL``."""

import json
import os
import subprocess
import sys
from pathlib import Path

NAME = sys.argv[1]
URL, TASK, HOME = os.environ["MODEL_URL"], os.environ["TASK"], Path.home()
BIN = Path(os.environ["ENVIRONMENT"], "node_modules", ".bin", NAME)
kept = ("PATH", "HOME", "LANG", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL")
environment = {name: os.environ[name] for name in kept} | {"TERM": "dumb"}


def codex() -> list[str]:
    folder = HOME / ".codex"
    folder.mkdir()
    sent = [f'{kind} = {{ otlp-http = {{ endpoint = "{URL}/v1/{path}", protocol = "binary" }} }}'
            for kind, path in (("exporter", "logs"), ("trace_exporter", "traces"))]  # fmt: skip
    lines = [
        'model = "gpt-test"', 'model_provider = "local"', 'approval_policy = "never"',
        'sandbox_mode = "danger-full-access"', "[model_providers.local]", 'name = "local"',
        f'base_url = "{URL}/v1"', 'env_key = "KEY"', 'wire_api = "responses"', "[otel]",
        "log_user_prompt = true", *sent,
    ]  # fmt: skip
    (folder / "config.toml").write_text("\n".join(lines))
    environment["KEY"] = "nobody"
    return ["exec", "--skip-git-repo-check", TASK]


def gemini() -> list[str]:
    folder = HOME / ".gemini"
    folder.mkdir()
    telemetry = {"enabled": True, "target": "local", "otlpEndpoint": URL, "otlpProtocol": "http"}
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {**telemetry, "logPrompts": True, "traces": True},
    }  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(settings))
    environment.update(GEMINI_API_KEY="nobody", GOOGLE_GEMINI_BASE_URL=URL, GEMINI_CLI_TRUST_WORKSPACE="true")
    return ["-m", "gemini-2.5-pro", "--yolo", "-p", TASK]


def copilot() -> list[str]:
    environment.update(
        COPILOT_PROVIDER_BASE_URL=f"{URL}/v1", COPILOT_PROVIDER_API_KEY="nobody", COPILOT_MODEL="gpt-test",
        COPILOT_OFFLINE="true", COPILOT_OTEL_ENABLED="true", OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true",
    )  # fmt: skip
    return ["--allow-all-tools", "-p", TASK]


def claude() -> list[str]:
    environment.update(
        ANTHROPIC_BASE_URL=URL, ANTHROPIC_API_KEY="nobody", CLAUDE_CODE_ENABLE_TELEMETRY="1",
        CLAUDE_CODE_ENHANCED_TELEMETRY_BETA="1", OTEL_LOGS_EXPORTER="otlp", OTEL_TRACES_EXPORTER="otlp",
        OTEL_LOG_USER_PROMPTS="1", OTEL_LOG_TOOL_DETAILS="1", OTEL_LOG_TOOL_CONTENT="1",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", DISABLE_AUTOUPDATER="1",
    )  # fmt: skip
    return ["--model", "claude-test", "--allowedTools", "Bash", "-p", TASK]


arguments = {"codex": codex, "gemini": gemini, "copilot": copilot, "claude": claude}[NAME]()
done = subprocess.run([BIN, *arguments], env=environment, cwd=HOME, stdin=subprocess.DEVNULL, timeout=120, check=False)
sys.exit(done.returncode)
