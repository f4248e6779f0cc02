"""azure-ai-inference with its own tracing."""

import json
import os

from common import MODEL_URL, OPENAI_TOOLS, SYSTEM, TASK, called, provider, run

os.environ["AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED"] = "true"
provider()
from azure.ai.inference import ChatCompletionsClient, models  # noqa: E402
from azure.ai.inference.tracing import AIInferenceInstrumentor  # noqa: E402
from azure.core.credentials import AzureKeyCredential  # noqa: E402
from azure.core.settings import settings  # noqa: E402

settings.tracing_implementation = "opentelemetry"
AIInferenceInstrumentor().instrument()
client = ChatCompletionsClient(f"{MODEL_URL}/v1", AzureKeyCredential("nobody"))
tools = [models.ChatCompletionsToolDefinition(function=models.FunctionDefinition(**OPENAI_TOOLS[0]["function"]))]
messages = [models.SystemMessage(SYSTEM), models.UserMessage(TASK)]
with run():
    while True:
        message = client.complete(messages=messages, tools=tools, model="gpt-test").choices[0].message
        messages.append(models.AssistantMessage(content=message.content, tool_calls=message.tool_calls))
        if not message.tool_calls:
            break
        for call in message.tool_calls:
            said, _ = called(json.loads(call.function.arguments))
            messages.append(models.ToolMessage(content=said, tool_call_id=call.id))
