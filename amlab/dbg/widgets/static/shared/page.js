// The channel of a page that holds its session: packets and details stand in the page, gzipped, as base64.

async function inflate(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k); // several times as fast as Uint8Array.from
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

// `source` is `{records: base64, details: {"machine:block": base64}, answers: {KIND: base64 or {NAME: base64}}}`;
// "=NAME" in place of base64 stands for another of the same kind.
export function pageChannel(source) {
  return (desk) => ({
    isPage: true,
    request: async (kind, what) => {
      try {
        if (kind === "records") desk.receive("records", { first: 0 }, await inflate(source.records));
        else if (kind === "details") {
          const packed = source.details[`${what.number}:${what.block}`];
          const records = packed ? JSON.parse(new TextDecoder().decode(await inflate(packed))) : [];
          desk.receive("details", { number: what.number, block: what.block, records });
        } else if (source.answers?.[kind] || what?.key !== undefined) {
          const table = source.answers?.[kind];
          let packed = typeof table === "string" ? table : table?.[what.name];
          if (packed?.startsWith("=")) packed = table[packed.slice(1)];
          const answer = packed ? JSON.parse(new TextDecoder().decode(await inflate(packed))) : { isMissing: true };
          desk.receive(kind, { ...answer, key: what?.key });
        }
      } catch (error) {
        desk.receive("error", { text: `This page's records cannot be read: ${error.message}` });
      }
    },
  });
}
