"""Records of a session → the contract's rows. Pure.

``fold`` is the whole way: ``span_placer`` says what each span is in the session, ``step_numbering`` which step it
belongs to, ``note_index`` and ``target_resolver`` what each reward or note is about; ``session`` and ``step_rows`` make
the rows, ``events`` and ``timeline`` the trajectory. ``dialects/`` reads what other instrumentations write.
From outside: ``project.project``, ``fold.SessionFold``, ``trace_sessions``, and of the parts ``span_placer``, ``node``,
``tree``, ``events`` and ``dialects``.
"""
