// What an ERP does, by a client whose types openapi-typescript makes.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Call = components["schemas"]["CallRecord"];
type Failed = components["schemas"]["FailedDelivery"];

const env = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};

const connection = env("CONNECTION");
const client = createClient<paths>({
  baseUrl: env("HUB"),
  headers: { Authorization: `Bearer ${env("API_KEY")}` },
});

const check = (good: boolean, what: string, said: unknown): void => {
  if (!good) throw new Error(`${what}: ${JSON.stringify(said)}`);
};

const later = (): Promise<void> => new Promise((done) => setTimeout(done, 100));

// The failed delivery of an order's event, once it is listed.
const failed = async (order: string): Promise<Failed> => {
  for (let tries = 0; tries < 300; tries += 1) {
    const { data } = await client.GET("/deliveries/failed", { params: { query: { endpoint: "erp", limit: 1000 } } });
    const found = data?.items.find((item) => item.subject === `order:${order}`);
    if (found) return found;
    await later();
  }
  throw new Error(`no delivery of ${order} is listed as failed`);
};

const command = (key: string) => ({
  path: { connection },
  header: { "Idempotency-Key": key, Prefer: "wait=20" },
});

// An upload by address, one of a file within JSON, and one of a file as a form sends it.
const upload = await client.POST("/calls/{connection}/upload", {
  params: command("typescript-1"),
  body: { fileUrl: "http://files.example.com/1.zip", orderOutNo: "SO-2", isReload: "" },
});
const call: Call | undefined = upload.data;
check(call?.state === "succeeded", "an upload", upload.data ?? upload.error);
const shown = await client.GET("/calls/{id}", { params: { path: { id: call?.id ?? "" } } });
check(shown.data?.answer?.status === 200 && shown.data.request?.truncated === false, "a call", shown.data);
const inline = await client.POST("/calls/{connection}/fileUpload", {
  params: command("typescript-2"),
  body: { file: { name: "a.pdf", base64: "JVBERi0=" } },
});
check(inline.data?.state === "succeeded", "a file within JSON", inline.data ?? inline.error);
const form = new FormData();
form.set("orderOutNo", "SO-2");
form.set("file", new Blob(["%PDF-"], { type: "application/pdf" }), "b.pdf");
const whole = await client.POST("/calls/{connection}/fileUpload", {
  params: command("typescript-3"),
  body: { file: "b.pdf" } as never,
  bodySerializer: () => form,
});
check(whole.data?.state === "succeeded", "a file in a form", whole.data ?? whole.error);

// A body that its schema does not allow.
const wrong = await client.POST("/calls/{connection}/upload", {
  params: command("typescript-4"),
  body: { fileUrl: "http://files.example.com/1.zip" } as never,
});
check(wrong.response.status === 400 && wrong.error?.field === "orderOutNo", "a 400", wrong.error);

// What failed is replayed, once it is seen what that would be.
const replayed = await failed(env("REPLAYED"));
const key = ({ connection, subject, id }: Failed) => ({ connection, subject, id });
const dry = await client.POST("/deliveries/replay", { body: { endpoint: "erp", events: [key(replayed)] } });
check(dry.data?.replayed === 0 && dry.data.events.length === 1, "a dry run", dry.data ?? dry.error);
const wet = await client.POST("/deliveries/replay", {
  body: { endpoint: "erp", events: [key(replayed)], dry_run: false },
});
check(wet.data?.replayed === 1, "a replay", wet.data ?? wet.error);
let state: string | undefined;
for (let tries = 0; tries < 300 && state !== "delivered"; tries += 1) {
  await later();
  const { data } = await client.GET("/events/{connection}/{subject}/{id}", { params: { path: key(replayed) } });
  state = data?.deliveries[0]?.state;
}
check(state === "delivered", "a replayed delivery", state);

// What failed and was seen is confirmed.
const confirmed = await failed(env("CONFIRMED"));
const done = await client.POST("/deliveries/confirm", { body: { endpoint: "erp", events: [key(confirmed)] } });
check(done.data?.confirmed === 1 && done.data.next === null, "a confirmation", done.data ?? done.error);
