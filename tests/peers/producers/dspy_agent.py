"""DSPy's ReAct under OpenInference."""

from common import MODEL_URL, TASK, get_weather, instrument, provider

made = provider()
instrument("openinference.instrumentation.dspy:DSPyInstrumentor", made)
import dspy  # noqa: E402

dspy.configure(lm=dspy.LM("openai/gpt-test", api_base=f"{MODEL_URL}/v1", api_key="nobody", cache=False))
dspy.ReAct("question -> answer", tools=[get_weather], max_iters=4)(question=TASK)
made.force_flush()
