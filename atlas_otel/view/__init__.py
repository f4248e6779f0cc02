"""What people see of a span in Jaeger: the record's attributes in words, cut to what its storage takes; and back. Pure.

The record stays as it is: :mod:`~atlas_otel.view.undone` takes back what was added, wherever a span of ours comes in.
"""
