"""What reviewers did with a session, appended event by event, and the one rule that says what it comes to.

From outside: ``event``, ``rule``, ``store``, ``agreement`` and ``rubric``. Exports read corrections and excluded calls
through ``store.training_marks``.
"""
