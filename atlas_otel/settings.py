"""The settings of ``configure``: argument, else environment, else config file, else default. Pure but for the file.

Environment: OpenTelemetry's own variable where there is one, then ``ATLAS_OTEL_<NAME>``. The file is YAML, named by
``ATLAS_OTEL_CONFIG``, its keys the argument names. An argument that equals its default counts as not given.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from atlas_otel.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Durability = Literal["spool", "memory"]
AcceptSession = Literal["never", "same-host", "signed", "always"]
ACCEPT_SESSION: Final[tuple[AcceptSession, ...]] = get_args(AcceptSession)

Projection: TypeAlias = Literal["own", "any", "none"]
PROJECTIONS: Final[tuple[Projection, ...]] = get_args(Projection)

OtlpReceiver: TypeAlias = Literal["collector", "jaeger"]
OTLP_RECEIVERS: Final[tuple[OtlpReceiver, ...]] = get_args(OtlpReceiver)
StepNames: TypeAlias = Literal["description", "id"]
STEP_NAMES: Final[tuple[StepNames, ...]] = get_args(StepNames)

CONFIG_FILE_VARIABLE: Final = "ATLAS_OTEL_CONFIG"
PREFIX: Final = "ATLAS_OTEL_"
DEFAULT_JAEGER_URL: Final = "http://localhost:16686"


@dataclass(frozen=True)
class Settings:
    """Everything that ``configure`` can be told, as plain values. Its docstring says what each means."""

    service_name: str | None = None
    database_url: str | None = field(default=None, repr=False)  # may hold a password
    durability: Durability = "spool"
    otlp_endpoint: str | None = None
    capture_content: bool = True
    console: bool | None = None
    instrument_threads: bool = True
    max_string_bytes: int = 65_536
    max_value_bytes: int = 1_048_576
    enabled: bool = True
    metadata: Mapping[str, Any] = field(default_factory=dict)
    redact: Callable[[str, str], str] | Sequence[str] | None = None
    jaeger_url: str = DEFAULT_JAEGER_URL
    """Where ``get_trace_url`` points (no argument: ``ATLAS_OTEL_JAEGER_URL`` or the file)."""
    propagate_session: bool = False
    """Put the session's key into W3C baggage, which goes out with each instrumented HTTP call (no argument)."""
    accept_session: AcceptSession = "same-host"
    """Which session that W3C baggage names is joined: ``never``, ``same-host`` (signed by a process of this user on
    this machine, or with the shared secret), ``signed`` (with the shared secret only), ``always``."""
    session_secret: str | None = field(default=None, repr=False)
    """The secret that processes on several machines share, to sign the session that they propagate (no argument)."""
    exit_timeout_s: float = 2.0
    """How long the end of the program waits for what is not yet stored (no argument)."""
    redactor_seconds: float = 0.25
    """How long a redactor may take for one captured value before later ones are withheld (no argument)."""
    projection: Projection = "own"
    """Which sessions this process computes the rows of: ``own`` (those it recorded into, unless one is too large for
    64 MB), ``any`` (what others left too), ``none`` (no argument). ``collect`` does any."""
    quiet_s: float = 5.0
    """How long nothing must come for a session that came over OTLP and has ended before it reads so (no argument)."""
    root_wait_s: float = 300.0
    """How long the outermost span of a trace of others is waited for (no argument)."""
    otlp_receiver: OtlpReceiver = "collector"
    """Who takes the spans at the OTLP endpoint: a ``collector`` gets them whole, with a short form beside what is too
    long for Jaeger; ``jaeger`` itself gets the short forms alone (no argument)."""
    jaeger_value_bytes: int = 60_000
    """How long one attribute may be for Jaeger's storage: Badger takes some 64,000 bytes, Elasticsearch 32,766 (no
    argument)."""
    step_names: StepNames = "description"
    """What a step's span is called: ``step 3: Count the files``, or with ``id`` ``step 3`` alone, so that Jaeger's list
    of operations stays short where plans differ (no argument)."""


_SECRET_CHARACTERS: Final = 16
_LEAST_VALUE: Final = 1_000
_TEXTS: Final = ("service_name", "database_url", "otlp_endpoint", "jaeger_url", "session_secret")
_FILE_KEYS: Final = tuple(f.name for f in fields(Settings))


def resolve(arguments: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """The settings in force. Raises ConfigError that names the variable, key or argument that is wrong."""
    settings = Settings()
    path = environment.get(CONFIG_FILE_VARIABLE)
    if path:
        settings = replace(settings, **_from_file(Path(path)))
    settings = replace(settings, **_from_environment(environment))
    defaults = Settings()
    given = {k: v for k, v in arguments.items() if v is not None and v != getattr(defaults, k)}
    checked = {key: _check(key, value, f"configure({key}=…)") for key, value in given.items()}
    settings = replace(settings, **checked)
    if settings.accept_session == "signed" and settings.session_secret is None:
        raise ConfigError("accept_session is 'signed', with what? Set ATLAS_OTEL_SESSION_SECRET in each process")
    return settings


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in _FILE_KEYS:
        variable = PREFIX + key.upper()
        text = environment.get(variable, "").strip()
        if text:
            found[key] = _parse(key, text, variable)
    # OpenTelemetry's own names come first.
    if environment.get("OTEL_SERVICE_NAME"):
        found["service_name"] = environment["OTEL_SERVICE_NAME"]
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        found["enabled"] = False
    mode = environment.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "").strip().upper()
    if mode:
        found["capture_content"] = mode not in ("NO_CONTENT", "FALSE")
    return found


_BOOLEANS: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def _parse(key: str, text: str, where: str) -> Any:
    """An environment variable's text as the setting's type."""
    kind = _KINDS.get(key, str)
    if kind is bool:
        if text.lower() not in _BOOLEANS:
            raise ConfigError(f"{where}: expected true or false, found {text!r}")
        return _BOOLEANS[text.lower()]
    if kind in (int, float):
        try:
            return _check(key, kind(text), where)
        except ValueError:
            raise ConfigError(f"{where}: expected a number, found {text!r}") from None
    if key == "redact":
        return _check(key, [name.strip() for name in text.split(",") if name.strip()], where)
    if key == "metadata":
        import orjson

        try:
            return _check(key, orjson.loads(text), where)
        except orjson.JSONDecodeError:
            raise ConfigError(f"{where}: expected a JSON object") from None
    return _check(key, text, where)


_KINDS: Final[dict[str, type]] = {
    "capture_content": bool,
    "console": bool,
    "instrument_threads": bool,
    "enabled": bool,
    "propagate_session": bool,
    "max_string_bytes": int,
    "max_value_bytes": int,
    "exit_timeout_s": float,
    "redactor_seconds": float,
    "quiet_s": float,
    "root_wait_s": float,
    "jaeger_value_bytes": int,
}
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "projection": PROJECTIONS,
    "accept_session": ACCEPT_SESSION,
    "otlp_receiver": OTLP_RECEIVERS,
    "step_names": STEP_NAMES,
}


def _check(key: str, value: Any, where: str) -> Any:
    kind = _KINDS.get(key)
    if kind is bool and not isinstance(value, bool):
        raise ConfigError(f"{where}: expected true or false, found {value!r}")
    if kind in (int, float):
        # NaN compares with nothing.
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
            raise ConfigError(f"{where}: expected a number of at least 0, found {value!r}")
        value = kind(value)
    if key == "durability" and value not in ("spool", "memory"):
        raise ConfigError(f"{where}: expected 'spool' or 'memory', found {value!r}")
    if key in _CHOICES and value not in _CHOICES[key]:
        raise ConfigError(f"{where}: expected {', '.join(_CHOICES[key])}, found {value!r}")
    if key == "jaeger_value_bytes" and value < _LEAST_VALUE:
        raise ConfigError(f"{where}: expected {_LEAST_VALUE} bytes or more, found {value}")
    if key == "metadata" and not hasattr(value, "keys"):
        raise ConfigError(f"{where}: expected a mapping, found {type(value).__name__}")
    if key == "redact" and not callable(value) and (isinstance(value, str) or not hasattr(value, "__iter__")):
        raise ConfigError(
            f"{where}: expected a callable or a list of pattern names such as ['secrets'], found {type(value).__name__}"
        )
    if key == "session_secret" and isinstance(value, str) and len(value) < _SECRET_CHARACTERS:
        raise ConfigError(
            f"{where}: expected {_SECRET_CHARACTERS} characters or more, such as openssl rand -hex 32 makes"
        )
    if key in _TEXTS and not isinstance(value, str):
        raise ConfigError(f"{where}: expected text, found {type(value).__name__}")
    return value


def _from_file(path: Path) -> dict[str, Any]:
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the config file ({error.strerror}); {CONFIG_FILE_VARIABLE} names it"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    try:
        found = yaml.safe_load(text)
    except (ValueError, TypeError, RecursionError):  # a date that is none, a key that is a list
        raise ConfigError(f"{path}: holds a value that is not valid YAML") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{path}{line}: not YAML: {getattr(error, 'problem', None) or 'cannot be parsed'}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, found {type(found).__name__}")
    unknown = sorted(str(key) for key in found if key not in _FILE_KEYS)
    if unknown:
        raise ConfigError(f"{path}: unknown key {unknown[0]!r}; known are {', '.join(sorted(_FILE_KEYS))}")
    return {key: _check(key, value, f"{path}, key {key!r}") for key, value in found.items() if value is not None}
