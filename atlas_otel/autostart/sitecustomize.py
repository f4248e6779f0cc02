"""What Python runs first in a program that ``atlas-otel exec`` started: its folder stands on PYTHONPATH."""

try:
    from atlas_otel.autostart import start
except ImportError:
    pass  # a program started by the recorded one, in a Python of its own that does not have atlas-otel
else:
    start(__file__)
