"""What a person watches in a terminal while a run goes on.

From outside: ``console.open_console``, and ``lines`` for other output in the same form.
"""
