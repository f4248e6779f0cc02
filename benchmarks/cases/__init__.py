"""The cases: one module each, with a function ``measure(options)``; its docstring says what stands beside what."""
