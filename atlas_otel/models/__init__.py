"""The contract's shapes: what tables, lines, intermediate steps, adapters and config files hold. Pure.

From outside: all of it.
"""
