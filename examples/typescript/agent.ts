// An agent in TypeScript, recorded over OTLP: spans with the attributes of OpenTelemetry's GenAI conventions.
//
//   atlas-otel collect --database-url embedded &
//   cd examples/typescript && npm install
//   OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4320 npm start
//
// An instrumentation of your model's SDK or framework writes such spans for you; this shows what they hold.

import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

context.setGlobalContextManager(new AsyncLocalStorageContextManager());
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ "service.name": "typescript-agent" }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
trace.setGlobalTracerProvider(provider);
const tracer = trace.getTracer("example");

type Attributes = Record<string, string | number | string[]>;

// Run work in a span; what it throws fails the span and is thrown on.
async function span<T>(name: string, kind: SpanKind, attributes: Attributes, work: () => Promise<[T, Attributes]>) {
  return tracer.startActiveSpan(name, { kind, attributes }, async (active) => {
    try {
      const [result, learned] = await work();
      active.setAttributes(learned);
      return result;
    } catch (error) {
      active.recordException(error as Error);
      active.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
      throw error;
    } finally {
      active.end();
    }
  });
}

const text = (role: string, content: string) => JSON.stringify([{ role, parts: [{ type: "text", content }] }]);

async function rate(currency: string): Promise<number> {
  const given = { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "rate" };
  const asked = { "gen_ai.tool.call.arguments": JSON.stringify({ currency }) };
  return span("execute_tool rate", SpanKind.INTERNAL, { ...given, ...asked }, async () => {
    const result = { CHF: 0.94 }[currency] ?? 1;
    return [result, { "gen_ai.tool.call.result": JSON.stringify(result) }];
  });
}

async function complete(prompt: string): Promise<string> {
  const given = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "in-process",
    "gen_ai.request.model": "my-model",
    "gen_ai.input.messages": text("user", prompt),
  };
  return span("chat my-model", SpanKind.CLIENT, given, async () => {
    const answer = `One euro is ${prompt} francs.`; // your model call goes here
    return [
      answer,
      {
        "gen_ai.output.messages": text("assistant", answer),
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.response.finish_reasons": ["stop"],
      },
    ];
  });
}

async function agent(question: string): Promise<string> {
  const given = {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": "money",
    "gen_ai.input.messages": text("user", question),
  };
  return span("invoke_agent money", SpanKind.INTERNAL, given, async () => {
    const answer = await complete(String(await rate("CHF")));
    return [answer, { "gen_ai.output.messages": text("assistant", answer) }];
  });
}

console.log(await agent("What is a euro in francs?"));
await provider.shutdown();
