"""Who may ask what, and from where."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from atlas_otel.errors import ConfigError, UsageError
from atlas_otel.ui.guard import Denied, Given, Guard
from atlas_otel.ui.options import UiOptions, User, checked_link, users_of

URL = "postgresql://nowhere/db"
TOKENS = {"a" * 20: User("ada", "admin"), "b" * 20: User("bo", "view")}


def guard(**options: object) -> Guard:
    return Guard(UiOptions(URL, **options), b"k" * 32, 4340)  # type: ignore[arg-type]


def given(method: str = "GET", cookies: Mapping[str, str] | None = None, **headers: str) -> Given:
    return Given(method, {name.replace("_", "-"): value for name, value in headers.items()}, cookies or {})


@pytest.mark.parametrize("host", ["127.0.0.1:4340", "localhost:4340", "LOCALHOST:4340", "[::1]:4340"])
def test_the_page_is_served_under_its_own_names(host: str) -> None:
    guard().check_host(given(host=host))


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:4340", "localhost", "localhost:80", "127.0.0.1:4340.evil.example",
     "127.0.0.1:4340,evil", "localhost.:4340", "127.0.0.2:4340", " localhost:4340"],
)  # fmt: skip
def test_and_under_no_other(host: str) -> None:
    with pytest.raises(Denied) as denied:
        guard().check_host(given(host=host))
    assert (denied.value.status, denied.value.code) == (403, "wrong_host")


def test_a_name_that_was_allowed_is_exact() -> None:
    served = guard(allowed_hosts=("review.example.org",))
    served.check_host(given(host="review.example.org"))
    for host in ("a.review.example.org", "review.example.org:8080", "review.example.org.evil"):
        with pytest.raises(Denied):
            served.check_host(given(host=host))


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://localhost", "http://localhost:4341", "http://127.0.0.1:4340.evil.example",
     "file://localhost:4340", "http://user@localhost:4340", "localhost:4340", ""],
)  # fmt: skip
def test_what_another_page_asks_is_denied(origin: str) -> None:
    with pytest.raises(Denied) as denied:
        guard().check_origin(given(origin=origin))
    assert denied.value.code == "wrong_origin"


def test_what_the_page_asks_is_not_denied() -> None:
    guard().check_origin(given(origin="http://localhost:4340", sec_fetch_site="same-origin"))
    guard().check_origin(given())
    for site in ("cross-site", "same-site"):
        with pytest.raises(Denied):
            guard().check_origin(given(sec_fetch_site=site))


def test_on_loopback_the_user_of_the_machine_is_admin() -> None:
    assert guard(user="ada").user(given()) == User("ada", "admin")


def test_tokens_say_who_asks() -> None:
    served = guard(host="0.0.0.0", tokens=TOKENS)
    assert served.user(given(authorization=f"Bearer {'b' * 20}")).name == "bo"
    assert served.user(given(cookies={"atlas_ui": served.cookie("a" * 20)})).role == "admin"
    for wrong in (
        given(),
        given(authorization="Bearer x"),
        given(authorization="a" * 20),
        given(cookies={"atlas_ui": "x"}),
    ):
        with pytest.raises(Denied) as denied:
            served.user(wrong)
        assert denied.value.status == 401
    # A cookie of another process is worth nothing.
    with pytest.raises(Denied):
        Guard(UiOptions(URL, tokens=TOKENS), b"other" * 8, 4340).user(
            given(cookies={"atlas_ui": served.cookie("a" * 20)})
        )


def test_a_proxy_names_the_user_in_one_header_once() -> None:
    served = guard(host="10.0.0.1", user_header="X-Forwarded-User", roles={"ada": "review"})
    assert served.user(given(x_forwarded_user="ada")) == User("ada", "review")
    assert served.user(given(x_forwarded_user="bo")) == User("bo", "view")
    for wrong in ({}, {"x_forwarded_user": ""}, {"x_forwarded_user": "ada,root"}, {"x_user": "ada"}):
        with pytest.raises(Denied):
            served.user(given(**wrong))


def test_a_write_shows_the_users_own_token() -> None:
    served = guard()
    ada, bo = User("ada", "admin"), User("bo", "admin")
    served.check_write(given(x_atlas_csrf=served.csrf_token(ada)), ada)
    for wrong in ("", "x", served.csrf_token(bo), served.cookie("ada")):
        with pytest.raises(Denied):
            served.check_write(given(x_atlas_csrf=wrong), ada)


def test_roles_include_those_below() -> None:
    assert [User("x", role).may("review") for role in ("view", "review", "admin")] == [False, True, True]  # type: ignore[arg-type]


def test_a_page_that_would_be_open_to_anybody_is_refused() -> None:
    with pytest.raises(UsageError, match="loopback address"):
        UiOptions(URL, host="0.0.0.0")
    with pytest.raises(UsageError, match="give one"):
        UiOptions(URL, tokens=TOKENS, user_header="X-User")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://x",
        "http://",
        "http://u:p@x",
        "http://x/?q=1",
        "http://x y",
        "http://x:99999",
        "//x",
    ],
)
def test_a_link_is_plain_http(url: str) -> None:
    with pytest.raises(ConfigError):
        checked_link(url, "URL")
    assert checked_link("https://jaeger.example/base/", "URL") == "https://jaeger.example/base"


def test_a_token_file_that_is_wrong_says_where_and_shows_no_token() -> None:
    assert users_of("# who\nada admin aaaaaaaaaaaaaaaaaaaa\n", "f")["a" * 20] == User("ada", "admin")
    for text, said in (
        ("ada root aaaaaaaaaaaaaaaaaaaa", "line 1: expected NAME"),
        ("\nada admin short", "line 2: the token of ada is shorter"),
        (f"a view {'x' * 20}\nb view {'x' * 20}", "line 2: b has the token of somebody else"),
        ("", "holds no user"),
    ):
        with pytest.raises(ConfigError, match=said) as told:
            users_of(text, "f")
        assert "aaaa" not in str(told.value)
        assert "xxxx" not in str(told.value)
