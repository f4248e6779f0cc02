// Vercel's AI SDK with its telemetry: generateText, or streamText where "stream" is given.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import * as ai from 'ai';
import { z } from 'zod';

const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter())] });
provider.register();
const model = createOpenAICompatible({
  name: 'local', apiKey: 'nobody', baseURL: `${process.env.MODEL_URL}/v1`, includeUsage: true,
})('gpt-test');
const getWeather = ai.tool({
  description: 'The weather of a city.',
  inputSchema: z.object({ city: z.string(), unit: z.string() }),
  execute: async ({ city }) => {
    if (city !== 'Oslo') throw new Error(`no such city: ${city}`);
    return '4 degrees';
  },
});
const telemetry = { isEnabled: true, functionId: 'weather', metadata: { sessionId: 'conversation-1' } };
const settings = {
  model, system: process.env.SYSTEM, prompt: process.env.TASK, tools: { get_weather: getWeather },
  stopWhen: ai.stepCountIs(4), experimental_telemetry: telemetry, telemetry,
};
if (process.argv[2] === 'stream') {
  await ai.streamText(settings).consumeStream();
} else {
  await ai.generateText(settings);
}
await provider.forceFlush();
await provider.shutdown();
