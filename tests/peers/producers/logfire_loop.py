"""Logfire's instrumentation of the openai SDK or of Anthropic's: ``logfire_loop.py openai|anthropic [responses]``."""

import runpy
import sys

import logfire

logfire.configure(send_to_logfire=False, service_name="weather", console=False)
from common import OPENAI_TOOLS  # noqa: E402, F401

provider = sys.argv[1]
getattr(logfire, f"instrument_{provider}")()
import common  # noqa: E402

common.provider = lambda: None  # logfire has set its own
common.instrument = lambda *_: None
runpy.run_path(__file__.replace("logfire_loop", f"{provider}_loop"), run_name="__main__")
logfire.force_flush()
