// An answer that comes piece by piece, as server-sent events. (EventSource can only GET, and sends no token.)

// Yields { name, data } of each event of a response; name is "" where the event has none.
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held += value;
    const blocks = held.split("\n\n");
    held = blocks.pop();
    for (const block of blocks) yield event(block);
  }
}

function event(block) {
  const found = { name: "", data: "" };
  for (const line of block.split("\n")) {
    const at = line.indexOf(": ");
    if (line.slice(0, at) === "event") found.name = line.slice(at + 2);
    if (line.slice(0, at) === "data") found.data += line.slice(at + 2);
  }
  return { name: found.name, data: JSON.parse(found.data) };
}
