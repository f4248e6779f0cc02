"""Any Python value → what may be kept of it: bounded, redacted, valid JSON; and what may leave without content.

From outside: ``capture.Capture``, ``redaction``, ``privacy`` and ``allowlist``. Pure.
"""
