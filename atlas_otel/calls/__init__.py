"""One model call, whole: a reader for each wire form, and the ways out of it. Pure: no I/O, and nothing raises.

The doors: ``messages.read_messages``, ``answers.read_answer``, ``tools.read_tools``, ``usage.read_usage`` and
``attributes.from_attributes`` read; ``attributes.to_attributes`` and ``openai_form.to_openai`` write; the types are
``model_call``'s. What is read is plain JSON (dicts, lists, texts): objects of SDKs are made so by ``capture``.
"""
