"""Whether the whole way works here, from a span to a training line and to Jaeger; and what to do where it does not."""
