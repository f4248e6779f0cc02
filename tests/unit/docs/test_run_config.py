"""docs/reference/run-config.md is what the models say."""

from __future__ import annotations

from pathlib import Path

from atlas_otel.models.config import AtlasConfig
from atlas_otel.models.config_llm import Section
from atlas_otel.runtime.config_reference import SECTIONS, reference


def test_the_page_is_made_from_the_models():
    page = Path(__file__).parents[3] / "docs" / "reference" / "run-config.md"
    assert page.read_text(encoding="utf-8") == reference()


def test_every_section_is_on_the_page():
    def all_of(model):
        return {model} | {inner for sub in model.__subclasses__() for inner in all_of(sub)}

    public = {model for model in all_of(Section) if not model.__name__.startswith("_") and model is not Section}
    assert public == {model for _, model in SECTIONS}
    assert AtlasConfig in public
