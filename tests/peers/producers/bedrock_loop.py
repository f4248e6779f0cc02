"""Bedrock's Converse through boto3: ``bedrock_loop.py MODULE:CLASS``."""

import sys

from common import MODEL_URL, OPENAI_TOOLS, SYSTEM, TASK, called, instrument, provider, run

instrument(sys.argv[1], provider())
import boto3  # noqa: E402

client = boto3.client(
    "bedrock-runtime",
    region_name="eu-north-1",
    endpoint_url=MODEL_URL,
    aws_access_key_id="n",
    aws_secret_access_key="n",
)
tool = OPENAI_TOOLS[0]["function"]
spec = {"name": tool["name"], "description": tool["description"], "inputSchema": {"json": tool["parameters"]}}
messages = [{"role": "user", "content": [{"text": TASK}]}]
with run():
    while True:
        answer = client.converse(
            modelId="anthropic.claude-test",
            system=[{"text": SYSTEM}],
            messages=messages,
            toolConfig={"tools": [{"toolSpec": spec}]},
        )
        message = answer["output"]["message"]
        messages.append(message)
        results = []
        for block in message["content"]:
            if "toolUse" in block:
                said, failed = called(block["toolUse"]["input"])
                status = "error" if failed else "success"
                result = {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"text": said}], "status": status}
                results.append({"toolResult": result})
        if not results:
            break
        messages.append({"role": "user", "content": results})
