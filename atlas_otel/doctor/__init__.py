"""Checks that the whole way works on this machine, from a span to a training line and to Jaeger, and says what to do.

From outside: ``examine.examine`` and ``finding.Finding``.
"""
