"""A LangGraph agent: a model node and a tool node, streamed. Knows of no tracing."""

from __future__ import annotations

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    if city != "Paris":
        raise ValueError(f"no such city: {city}")
    return "sunny"


def main() -> None:
    model = ChatOpenAI(model="gpt-test", streaming=True, stream_usage=True).bind_tools([get_weather])

    def agent(state: MessagesState) -> dict:
        return {"messages": [model.invoke(state["messages"])]}

    def further(state: MessagesState) -> str:
        return "tools" if state["messages"][-1].tool_calls else END

    graph = StateGraph(MessagesState)
    graph.add_node("agent", agent)
    graph.add_node("tools", ToolNode([get_weather], handle_tool_errors=True))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", further, ["tools", END])
    graph.add_edge("tools", "agent")
    asked = {"messages": [("system", "Be brief."), ("user", "What is the weather in Paris and in Atlantis?")]}
    done = graph.compile().invoke(asked)
    print(done["messages"][-1].content)


if __name__ == "__main__":
    main()
