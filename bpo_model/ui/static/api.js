// The server's few requests. A refusal is an Error whose text is made for people.

export async function get(path) {
  return read(await fetch(`/api/${path}`));
}

export async function post(path, body, signal) {
  return read(await send(path, body, signal));
}

// The lines of a streamed reply, parsed, as they come.
export async function* stream(path, body, signal) {
  const reply = await send(path, body, signal);
  if (!reply.ok) throw new Error((await reply.json()).error);
  let rest = "";
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (rest + part.value).split("\n");
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

async function send(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  try {
    return await fetch(`/api/${path}`, { method: "POST", headers, body: JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is bpo ui still running?");
  }
}

async function read(reply) {
  const type = reply.headers.get("content-type") || "";
  if (!type.startsWith("application/json")) throw new Error((await reply.text()) || `The server said ${reply.status}.`);
  const data = await reply.json();
  if (!reply.ok) throw new Error(data.error);
  return data;
}
