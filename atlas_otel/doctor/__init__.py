"""Checks recording on this machine from start to end, from a span to a training line and to Jaeger, and advises.

From outside: ``examine.examine`` and ``finding.Finding``.
"""
