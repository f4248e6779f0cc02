"""A graph of LangGraph under the instrumentation ``MODULE:CLASS``; ``langsmith`` means LangSmith's own export."""

import os
import sys

if sys.argv[1] == "langsmith":
    os.environ |= {"LANGSMITH_OTEL_ENABLED": "true", "LANGSMITH_OTEL_ONLY": "true", "LANGSMITH_TRACING": "true"}
    os.environ |= {"LANGSMITH_ENDPOINT": os.environ["MODEL_URL"], "LANGSMITH_API_KEY": "nobody"}
from common import MODEL_URL, SYSTEM, TASK, get_weather, instrument, provider

made = provider()
if sys.argv[1] != "langsmith":
    instrument(sys.argv[1], made)
from langchain_core.messages import HumanMessage, SystemMessage  # noqa: E402
from langchain_core.tools import tool  # noqa: E402
from langchain_openai import ChatOpenAI  # noqa: E402
from langgraph.graph import START, MessagesState, StateGraph  # noqa: E402
from langgraph.prebuilt import ToolNode, tools_condition  # noqa: E402

tools = [tool(get_weather)]
model = ChatOpenAI(model="gpt-test", base_url=f"{MODEL_URL}/v1", api_key="nobody").bind_tools(tools)
graph = StateGraph(MessagesState)
graph.add_node("agent", lambda state: {"messages": [model.invoke(state["messages"])]})
graph.add_node("tools", ToolNode(tools, handle_tool_errors=lambda error: str(error)))
graph.add_edge(START, "agent")
graph.add_conditional_edges("agent", tools_condition)
graph.add_edge("tools", "agent")
graph.compile(name="weather").invoke(
    {"messages": [SystemMessage(SYSTEM), HumanMessage(TASK)]}, {"configurable": {"thread_id": "conversation-1"}}
)
if sys.argv[1] == "langsmith":
    from langchain_core.tracers.langchain import wait_for_all_tracers

    wait_for_all_tracers()
    from langsmith import Client

    Client().flush()
made.force_flush()
