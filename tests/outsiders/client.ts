// Record a release with the client of openapi-typescript and openapi-fetch, until it is confirmed.
// Run as `node client.js ADDRESS KEY`.

import createClient from "openapi-fetch";
import type { components, paths } from "./contract";

type Status = components["schemas"]["Status"];

const [address, key] = process.argv.slice(2);
const client = createClient<paths, "application/json" | "application/problem+json">({
  baseUrl: address,
  headers: { Authorization: `Bearer ${key}` },
});

/** Return the data of a response, or throw its problem. */
function expect<T>({ data, error }: { data?: T; error?: components["schemas"]["Problem"] }): T {
  if (data === undefined) throw new Error(error?.detail ?? "no data");
  return data;
}

async function main(): Promise<void> {
  const person = expect(
    await client.POST("/v1/detainees", {
      body: { name: "Belisario Quintanar", nationalities: ["VE"] },
    }),
  );
  expect(
    await client.POST("/v1/detainees/{id}/detentions", {
      params: { path: { id: person.id } },
      body: { detained_on: "2024-02" },
    }),
  );
  const event = expect(
    await client.POST("/v1/release-events", {
      body: { detainee_id: person.id, occurred_on: "2026-01-08" },
    }),
  );
  if (!("verification" in event)) throw new Error("a proposal, since the person is hidden");
  const statuses: Status[] = [event.verification.status];
  for (const name of ["Puertas Abiertas", "El Correo"]) {
    const source = expect(
      await client.POST("/v1/sources", { body: { name, kind: "ngo", country: null } }),
    );
    const attestation = expect(
      await client.POST("/v1/attestations", {
        body: {
          release_event_id: event.id,
          source_id: source.id,
          stance: "confirms",
          basis: "first_hand",
          evidence: "statement",
          published_at: "2026-01-09T12:00:00Z",
        },
      }),
    );
    statuses.push(attestation.verification.status);
  }
  const counts = expect(await client.GET("/v1/counts"));
  const people = expect(await client.GET("/v1/detainees", { params: { query: { limit: 10 } } }));
  const unknown = await client.GET("/v1/detainees/{id}", { params: { path: { id: event.id } } });
  const result = [
    ...statuses,
    counts.confirmed,
    people.items.map((item) => item.custody).join(),
    unknown.error?.type,
  ].join(" ");
  console.log(result);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
