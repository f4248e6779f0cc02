"""Which session of another process is joined: nobody is let into one by sending baggage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, propagate
from opentelemetry import context as otel_context
from opentelemetry.context import Context

import atlas_otel as atlas
from atlas_otel import semconv, settings
from atlas_otel.errors import ConfigError
from atlas_otel.process.host_key import host_key
from atlas_otel.testing import recording
from atlas_otel.tracing import state
from atlas_otel.tracing.context import session_key_of, with_session_in_baggage
from atlas_otel.tracing.session_trust import SessionTrust

SECRET = "0123456789abcdef"
HOST = b"h" * 32
Join = Callable[..., str | None]


@pytest.fixture
def join() -> Iterator[Callable[..., str | None]]:
    """What key a process with this trust finds, of a carrier that one with that trust sent."""
    before = state.current()

    def join(receiver: SessionTrust, sender: SessionTrust | None = None, **headers: str) -> str | None:
        carrier = dict(headers)
        if sender is not None:
            state.install(replace(before, trust=sender))
            propagate.inject(carrier, context=with_session_in_baggage("key-1", Context()))
        state.install(replace(before, trust=receiver))
        return session_key_of(propagate.extract(carrier, context=Context()))

    yield join
    state.install(before)


HERE = SessionTrust("same-host", None, lambda: HOST)


def test_two_callers_are_not_merged_by_the_baggage_that_they_send() -> None:
    with recording() as recorded:
        state.install(replace(state.current(), trust=HERE))
        for _ in range(2):
            theirs = propagate.extract({"baggage": f"{semconv.ATLAS_SESSION_ID}=victim"}, context=Context())
            token = otel_context.attach(theirs)
            try:
                with atlas.session("t", name="server"), atlas.tool("t"):
                    pass
            finally:
                otel_context.detach(token)
        keys = {span.session_key for span in recorded.spans}
    assert "victim" not in keys
    assert len(keys) == 2


def test_nobody_joins_without_a_signature(join: Join) -> None:
    for trust in (SessionTrust(), SessionTrust("never"), HERE, SessionTrust("signed", SECRET)):
        assert join(trust, baggage="atlas.session.id=key-1") is None
    assert join(SessionTrust("always"), baggage="atlas.session.id=key-1") == "key-1"


def test_processes_of_one_user_on_one_machine_join(join: Join) -> None:
    assert join(HERE, SessionTrust("same-host", None, lambda: HOST)) == "key-1"
    assert join(HERE, SessionTrust("never", None, lambda: HOST)) == "key-1"
    assert join(HERE, SessionTrust("same-host", None, lambda: b"o" * 32)) is None
    assert join(SessionTrust("signed", SECRET, lambda: HOST), SessionTrust("same-host", None, lambda: HOST)) is None
    assert join(HERE, SessionTrust("same-host", None, lambda: None)) is None


def test_processes_that_share_a_secret_join_from_anywhere(join: Join) -> None:
    sender = SessionTrust("same-host", SECRET, lambda: b"another machine")
    assert join(SessionTrust("signed", SECRET), sender) == "key-1"
    assert join(SessionTrust("same-host", SECRET, lambda: HOST), sender) == "key-1"
    assert join(SessionTrust("signed", SECRET + "x"), sender) is None
    assert join(SessionTrust("never", SECRET), sender) is None


def test_a_signature_is_of_one_key(join: Join) -> None:
    signature = HERE.sign("key-2")
    said = f"atlas.session.id=key-1,atlas.session.signature={signature}"
    assert join(HERE, baggage=said) is None
    assert join(HERE, baggage=said.replace("key-1", "key-2")) == "key-2"


@given(st.text(max_size=40), st.text(max_size=40) | st.integers() | st.none())
def test_whatever_is_shown_is_no_signature(key: str, shown: object) -> None:
    assert not HERE.accepts(key, shown)
    assert HERE.accepts(key, HERE.sign(key))


def test_what_is_propagated_without_a_secret_does_not_carry_somebody_else_s_signature() -> None:
    before = state.install(replace(state.current(), trust=SessionTrust("never")))
    try:
        stale = baggage.set_baggage(semconv.ATLAS_SESSION_SIGNATURE, "theirs", Context())
        assert baggage.get_baggage(semconv.ATLAS_SESSION_SIGNATURE, with_session_in_baggage("k", stale)) is None
    finally:
        state.install(before)


# --- settings and the key of the host ------------------------------------------------------------------------------


def test_signed_without_a_secret_is_an_error() -> None:
    with pytest.raises(ConfigError, match="ATLAS_OTEL_SESSION_SECRET"):
        settings.resolve({"accept_session": "signed"}, {})
    with pytest.raises(ConfigError, match="never, same-host, signed, always"):
        settings.resolve({"accept_session": "yes"}, {})
    with pytest.raises(ConfigError, match="16 characters"):
        settings.resolve({}, {"ATLAS_OTEL_SESSION_SECRET": "short"})
    found = settings.resolve({}, {"ATLAS_OTEL_SESSION_SECRET": SECRET, "ATLAS_OTEL_ACCEPT_SESSION": "signed"})
    assert found.accept_session == "signed"
    assert SECRET not in repr(found)


def test_the_host_s_key_is_made_once_and_is_the_user_s_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    key = host_key(folder)
    assert key is not None
    assert host_key(folder) == key
    assert (folder / "session.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["session.key"]


def test_a_key_that_others_can_read_or_that_is_a_link_is_none(tmp_path: Path) -> None:
    (tmp_path / "session.key").write_bytes(b"k" * 32)
    (tmp_path / "session.key").chmod(0o644)
    assert host_key(tmp_path) is None
    (tmp_path / "session.key").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").chmod(0o600)
    (tmp_path / "session.key").symlink_to(tmp_path / "elsewhere")
    assert host_key(tmp_path) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_gives_none(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert host_key(tmp_path) is None


def test_a_file_in_the_way_gives_none(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    assert host_key(tmp_path / "state") is None
