"""google-genai in a loop of one's own: ``genai_loop.py MODULE:CLASS``."""

import sys

from common import MODEL_URL, OPENAI_TOOLS, SYSTEM, TASK, called, instrument, provider, run

instrument(sys.argv[1], provider())
from google import genai  # noqa: E402
from google.genai import types  # noqa: E402

client = genai.Client(api_key="nobody", http_options=types.HttpOptions(base_url=MODEL_URL))
tool = OPENAI_TOOLS[0]["function"]
declared = types.FunctionDeclaration(
    name=tool["name"], description=tool["description"], parameters_json_schema=tool["parameters"]
)
config = types.GenerateContentConfig(system_instruction=SYSTEM, tools=[types.Tool(function_declarations=[declared])])
contents = [types.Content(role="user", parts=[types.Part(text=TASK)])]
with run():
    while True:
        answer = client.models.generate_content(model="gemini-test", contents=contents, config=config)
        content = answer.candidates[0].content
        contents.append(content)
        results = []
        for part in content.parts:
            if part.function_call:
                said, failed = called(part.function_call.args)
                response = {"error" if failed else "result": said}
                results.append(types.Part.from_function_response(name=part.function_call.name, response=response))
        if not results:
            break
        contents.append(types.Content(role="user", parts=results))
