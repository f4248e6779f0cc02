"""A LangGraph agent that knows nothing of atlas-otel; `atlas-otel exec` records it.

    pip install 'atlas-otel[embedded]' langgraph langchain-openai openinference-instrumentation-langchain
    ATLAS_OTEL_DATABASE_URL=embedded atlas-otel exec -- python examples/frameworks/langgraph_agent.py

Without a key, start model_server.py first.
"""

from __future__ import annotations

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return "sunny" if city == "Paris" else "unknown"


model = ChatOpenAI(model="gpt-5-mini").bind_tools([get_weather])


def agent(state: MessagesState) -> dict:
    return {"messages": [model.invoke(state["messages"])]}


def tools_or_end(state: MessagesState) -> str:
    return "tools" if state["messages"][-1].tool_calls else END


graph = StateGraph(MessagesState)
graph.add_node("agent", agent)
graph.add_node("tools", ToolNode([get_weather]))
graph.add_edge(START, "agent")
graph.add_conditional_edges("agent", tools_or_end, ["tools", END])
graph.add_edge("tools", "agent")

if __name__ == "__main__":
    done = graph.compile().invoke({"messages": [("user", "What is the weather in Paris?")]})
    print(done["messages"][-1].content)
