"""Model calls are priced by the package's list prices; what it does not know is unknown, never a guess."""

from __future__ import annotations

import subprocess
import sys

import pytest

from atlas_otel.calls import prices
from atlas_otel.calls.prices import Spent, cost_usd

DAY = 1_764_450_000 * 10**9
"""30 November 2025."""


def test_the_price_is_the_packages() -> None:
    from genai_prices import Usage, calc_price

    spent = Spent(1_000, 50, cached_tokens=400)
    asked = Usage(input_tokens=1_000, output_tokens=50, cache_read_tokens=400)
    expected = float(calc_price(asked, "gpt-4o-mini", provider_id="openai").total_price)
    assert cost_usd("gpt-4o-mini", "openai", spent, DAY) == pytest.approx(expected)
    assert 0 < expected < cost_usd("gpt-4o-mini", "openai", Spent(1_000, 50), DAY)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("model", "provider"),
    [("no-such-model", "openai"), ("gpt-4o-mini", "my-own-server"), ("", "openai"), (None, None)],
)
def test_what_is_not_known_is_not_guessed(model: str | None, provider: str | None) -> None:
    assert cost_usd(model, provider, Spent(10, 10), DAY) is None


def test_a_provider_by_the_conventions_name_is_found() -> None:
    assert cost_usd("gemini-2.5-flash", "gcp.gemini", Spent(1_000, 10), DAY) is not None
    assert cost_usd("gpt-4o", "azure.ai.openai", Spent(1_000, 10), DAY) is not None


def test_without_tokens_or_with_impossible_ones_there_is_no_price() -> None:
    assert cost_usd("gpt-4o-mini", "openai", Spent(), DAY) is None
    assert cost_usd("gpt-4o-mini", "openai", Spent(5, 5, cached_tokens=50), DAY) is None


def test_without_the_package_nothing_is_priced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "available", lambda: False)
    assert cost_usd("gpt-4o-mini", "openai", Spent(1, 1), DAY) is None


def test_a_decorated_program_does_not_load_prices() -> None:
    program = (
        "import sys, atlas_otel as atlas\n"
        "call = atlas.llm(model='gpt-4o-mini', provider='openai')(lambda messages: {'usage': {'prompt_tokens': 1}})\n"
        "with atlas.session('t'): call(messages=[])\n"
        "sys.exit('genai_prices' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
