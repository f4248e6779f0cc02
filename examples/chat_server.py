"""A FastAPI chat server that streams. Each message is a session, and all sessions of a chat are one conversation.

    pip install 'atlas-otel[embedded]' fastapi uvicorn
    ATLAS_OTEL_DATABASE_URL=embedded python examples/chat_server.py 8000
    curl -N localhost:8000/chats/42 --json '{"message": "Hello"}'

`atlas-otel export --format chat` then writes a chat as one line that holds each message once.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

import atlas_otel as atlas

atlas.configure("chat-server")
app = FastAPI()
chats: dict[str, list[dict[str, Any]]] = defaultdict(list)


class Sent(BaseModel):
    message: str


@atlas.llm(model="parrot-1", provider="in-process")
async def complete(messages: list[dict[str, Any]]) -> AsyncIterator[str]:
    """Stream an answer. Put a call of your model's SDK here, and yield its chunks as they are."""
    for word in f"You said: {messages[-1]['content']}".split(" "):
        await asyncio.sleep(0)
        yield f"{word} "


@atlas.session(name="chat")
async def reply(message: str, chat: str) -> AsyncIterator[str]:
    """One turn. The session lasts until the stream ends, or until the client hangs up."""
    atlas.set_metadata(conversation_id=chat)
    messages = chats[chat]
    messages.append({"role": "user", "content": message})
    answer = ""
    async for chunk in complete(list(messages)):
        answer += chunk
        yield chunk
    messages.append({"role": "assistant", "content": answer})


@app.post("/chats/{chat}")
async def post(chat: str, sent: Sent) -> StreamingResponse:
    return StreamingResponse(reply(sent.message, chat), media_type="text/plain")


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
