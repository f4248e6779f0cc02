"""What people ask of recorded runs: which sessions, how the agent does, what fails, how two runs differ. Read only.

From outside: ``filters.SessionFilter``, ``statistics``, ``failures`` and ``difference``. The commands that print these
are in ``cli/``.
"""
