"""Reads trajectories with the models of the NeMo Agent Toolkit: ``atif.py FILE``. Prints how many steps each has."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from nat.atif import Trajectory

with Path(sys.argv[1]).open("rb") as lines:
    print(json.dumps([len(Trajectory.model_validate_json(line).steps) for line in lines]))
