"""What a person watches in a terminal while a run goes on.

From outside: ``console.Console``.
"""
