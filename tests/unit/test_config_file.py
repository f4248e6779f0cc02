"""A config file's errors name file, line, key and what was expected; Atlas's own configs load unchanged."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.config_file import load_config, parse_config
from atlas_otel.errors import ConfigError

MINIMAL = """\
agent:
  type: python
  name: tester
  import_path: some.module
"""

# The keys and values that the Atlas SDK's own examples hold, of both of its states.
ATLAS = """\
agent:
  type: python
  name: adapters-sqlite-agent
  system_prompt: >
    Unused when control_loop="self".
  behavior: self
  tools: []
  import_path: examples.adapters
  attribute: SQLiteAdapter
  allow_generator: false
student:
  prompts: {planner: "{base_prompt}", executor: "{base_prompt}", synthesizer: "{base_prompt}"}
  max_plan_tokens: 1024
  tool_choice: auto
teacher:
  llm: {provider: openai, model: gpt-4o-mini, api_key_env: OPENAI_API_KEY, temperature: 0.0, timeout_seconds: 120}
  plan_cache_seconds: 600
rim:
  small_model: {provider: gemini, model: gemini/gemini-2.5-flash, api_key_env: GEMINI_API_KEY}
  large_model: {provider: gemini, model: gemini/gemini-2.5-pro, api_key_env: GEMINI_API_KEY}
  judge_prompt: "Reward traces that stream adapter telemetry."
  active_judges: {process: true, helpfulness: true}
  temperatures: [0.0, 0.3]
  success_threshold: 0.7
learning:
  enabled: true
  schema: {cue_types: [regex]}
prompt_rewrite:
  max_tokens: 1024
orchestration:
  {max_retries: 1, step_timeout_seconds: 900, rim_guidance_tag: rim_feedback, emit_intermediate_steps: true}
adaptive_teaching: {mode_override: paired}
storage: null
"""


def test_the_defaults_are_the_contracts():
    config = parse_config(MINIMAL).config
    assert config.agent.attribute == "main"
    assert config.orchestration.max_retries == 1
    assert config.orchestration.step_timeout_seconds == 900
    assert (config.rim.variance_threshold, config.rim.uncertainty_threshold) == (0.15, 0.3)
    assert config.rim.parallel_workers == 4
    thresholds = config.adaptive_teaching.probe.thresholds
    assert (thresholds.auto, thresholds.paired, thresholds.coach) == (0.85, 0.65, 0.35)
    assert config.adaptive_teaching.probe.fallback_mode == "paired"
    assert config.adaptive_teaching.probe.evidence_limit == 6
    assert config.adaptive_teaching.probe.timeout_seconds == 15
    assert config.adaptive_teaching.learning_history_limit == 10
    drift, review = config.runtime_safety.drift, config.runtime_safety.review
    assert (drift.enabled, drift.window, drift.z_threshold, drift.min_baseline) == (True, 50, 3.0, 5)
    assert (review.require_approval, review.default_export_statuses) == (True, ["approved"])
    assert config.storage is None


def test_an_atlas_config_loads_unchanged_with_one_warning(tmp_path, caplog):
    file = tmp_path / "adapters.yaml"
    file.write_text(ATLAS)
    with caplog.at_level(logging.WARNING, "atlas_otel"):
        loaded = load_config(file, environ={})
    assert loaded.config.agent.behavior == "self"
    assert loaded.unused == ["learning", "prompt_rewrite", "rim.temperatures", "rim.success_threshold"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{file}: not used by atlas-otel, ignored: learning, prompt_rewrite, rim.temperatures, rim.success_threshold"
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (MINIMAL + "  atribute: x\n", "<c>:5: agent.atribute: unknown key; did you mean attribute?"),
        (MINIMAL + "colour: red\n", "<c>:5: colour: unknown key; known here: adaptive_teaching, agent,"),
        (MINIMAL + "orchestration:\n  max_retries: 2\n", "<c>:6: orchestration.max_retries: Input should be less than"),
        (
            MINIMAL + "adaptive_teaching:\n  probe:\n    thresholds: {auto: 0.1}\n",
            "<c>:7: adaptive_teaching.probe.thresholds: thresholds must fall",
        ),
        (
            MINIMAL + "adaptive_teaching:\n  mode_override: fast\n",
            "<c>:6: adaptive_teaching.mode_override: Input should be 'auto', 'paired', 'coach' or 'escalate'",
        ),
        (MINIMAL + "storage:\n  min_connections: 1\n", "<c>:5: storage.database_url: is missing"),
        ("agent:\n  name: x\n", "<c>:1: agent.type: is missing"),
        ("agent:\n  type: telepathy\n  name: x\n", "<c>:2: agent.type: expected one of 'python', 'http_api', 'openai'"),
        ("agent:\n  type: http_api\n  name: x\n", "<c>:1: agent.transport: is missing"),
        (MINIMAL + "teacher:\n  type: python\n  import_path: m\n  attr: f\n", "<c>:8: teacher.attr: unknown key; did"),
        (MINIMAL + "teacher:\n  llm:\n    modell: x\n", "<c>:7: teacher.llm.modell: unknown key; did you mean model?"),
        (
            MINIMAL + "  tools:\n    - name: t\n      descriptions: d\n",
            "<c>:7: agent.tools[0].descriptions: unknown key; did you mean description?",
        ),
        (MINIMAL + "metadata:\n  a: 1\n  a: 2\n", "<c>:7: metadata.a: duplicate key"),
        ("agent: [1\n", "<c>:2: is not YAML"),
        ("- agent\n", "<c>:1: expected a mapping"),
        ("", "<c>:1: expected a mapping"),
        (MINIMAL + "metadata: !!python/object/apply:os.system ['true']\n", "<c>:5: could not determine a constructor"),
        (MINIMAL + "metadata: &a\n  b: *a\n", "<c>:5: an alias contains itself"),
        (MINIMAL + "metadata: {url: '${NO_SUCH}'}\n", "<c>:5: metadata.url: the environment variable NO_SUCH is not"),
    ],
)
def test_each_error_names_file_line_key_and_what_was_expected(text, says):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, source="<c>", environ={})
    assert says in str(caught.value)


def test_all_errors_of_a_file_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_config(MINIMAL + "colour: red\nsize: 3\n", source="c.yaml")
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == ["colour", "size"]


def test_no_value_stands_in_an_error():
    with pytest.raises(ConfigError) as caught:
        parse_config(MINIMAL + "storage:\n  database_url: [s3cret]\n  max_connections: s3cret\n")
    assert "s3cret" not in str(caught.value)


def test_environment_references():
    text = MINIMAL + "metadata: {a: '${WHO}', b: '${NOT:-other}', c: '$${WHO}', d: 'x-${WHO}-y'}\n"
    text += "orchestration: {max_retries: '${RETRIES}'}\n"
    config = parse_config(text, environ={"WHO": "acme", "RETRIES": "0"}).config
    assert config.metadata == {"a": "acme", "b": "other", "c": "${WHO}", "d": "x-acme-y"}
    assert config.orchestration.max_retries == 0


def test_aliases_that_multiply_are_refused():
    lines = ["metadata:", "  a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError, match="is an alias repeated"):
        parse_config(MINIMAL + "\n".join(lines))


@pytest.mark.parametrize("name", ["missing.yaml", "folder"])
def test_a_file_that_cannot_be_read(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match=f"{name}: cannot be read"):
        load_config(tmp_path / name)


@given(st.text(max_size=200))
def test_any_text_is_a_config_or_a_config_error(text):
    for candidate in (text, MINIMAL + text, MINIMAL + "metadata: " + text):
        try:
            parse_config(candidate, environ={})
        except ConfigError:
            continue
