"""OpenLIT over the openai SDK."""

import runpy

import common
import openlit

openlit.init(application_name="weather", disable_metrics=True, disable_batch=True)
common.provider = lambda: None  # OpenLIT has set its own
common.instrument = lambda *_: None
runpy.run_path(__file__.replace("openlit_loop", "openai_loop"), run_name="__main__")
