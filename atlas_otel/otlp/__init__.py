"""Spans as others write them (OTLP, Jaeger's JSON, exports of other tools), decoded into records. Pure.

From outside: ``documents`` for files of any form, ``protobuf``, ``json`` and ``logs`` for requests.
"""
