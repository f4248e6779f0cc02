"""The lines that a person watches in a terminal during a run.

From outside: ``console.open_console``, and ``lines`` for other output in the same form.
"""
