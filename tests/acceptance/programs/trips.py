"""Written from README.md alone: a streaming model, a tool that fails, a thread pool, and two sessions at once."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import atlas_otel as atlas

telemetry = atlas.configure("trips", metadata={"tenant": "acme"})

FARES = {("Oslo", "Bergen"): 42, ("Oslo", "Paris"): 99, ("Rome", "Naples"): 17}


@atlas.tool
def fare(origin: str, destination: str, currency: str = "EUR") -> int:
    if (origin, destination) not in FARES:
        raise LookupError(f"no fare from {origin} to {destination}")
    return FARES[origin, destination]


def asked(origin: str, destination: str) -> int | None:
    try:
        return fare(origin, destination)
    except LookupError:
        return None


@atlas.llm(model="parrot-1", provider="in-process")
async def phrase(messages: list[dict[str, str]]):
    for word in ("Take", " the", " train", " to ", messages[-1]["content"], ".", " Bon", " voyage"):
        await asyncio.sleep(0)  # the other session runs in between
        yield word


@atlas.step(description="Compare the fares")
async def compare(origin: str, destinations: list[str]) -> dict[str, int]:
    with ThreadPoolExecutor(max_workers=3) as pool:
        fares = list(pool.map(asked, [origin] * len(destinations), destinations))
    await asyncio.sleep(0)
    return {place: price for place, price in zip(destinations, fares, strict=True) if price is not None}


@atlas.session
async def from_oslo(question: str) -> str:
    atlas.set_plan(["Compare the fares", "Write the answer"])
    found = await compare("Oslo", ["Bergen", "Atlantis", "Paris"])
    with atlas.step("Write the answer") as step:
        text = "".join([word async for word in phrase([{"role": "user", "content": min(found, key=found.get)}])])
        step.output = text
        atlas.set_validation("Bergen" in text, reason="names the cheapest")
        atlas.record_reward(1.0, rationale="the cheapest", step=1)
    atlas.record_reward(0.75, rationale="short")
    sessions["oslo"] = atlas.current_session().id
    return text


async def from_rome(question: str) -> None:
    with atlas.session(question, name="rome", tags=["b", "a"], metadata={"learning_key": "rome-key"}) as session:
        sessions["rome"] = session.id
        for destinations in (["Atlantis"], ["Naples"]):
            try:
                with atlas.step("Find a fare", id=7):
                    await asyncio.sleep(0)
                    found = fare("Rome", destinations[0])
                    atlas.set_validation(True)
                    break
            except LookupError as error:
                atlas.set_validation(False, reason=str(error), step=7)
                atlas.add_guidance("Rome has fares to Naples.", step=7)
        atlas.emit_event("progress", {"fare": found})
        stream = phrase([{"role": "user", "content": "Naples"}])
        async for word in stream:
            if word == ".":
                break
        await stream.aclose()
        atlas.record_reward(0.5)
        session.final_answer = {"to": "Naples", "fare": found}


sessions: dict[str, str] = {}


async def main() -> None:
    await asyncio.gather(from_oslo("Where to from Oslo?"), from_rome("Where to from Rome?"))


asyncio.run(main())
print(json.dumps({"sessions": sessions, "stored": telemetry.flush()}))
