// Requests to the server, with the token when there is one; every failure is a Trouble that says in words what to do.

const TOKEN = "chainrule-token"; // in sessionStorage: gone with the tab

export class Trouble extends Error {
  constructor(status, message, after) {
    super(message);
    this.status = status; // 0: no answer at all
    this.after = after; // seconds until asking again makes sense
  }
}

export function setToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

// Returns the response when it is good. `path` is relative to the page, so that a proxy may put it anywhere.
export async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble(0, "The server does not answer. It is asked again until it does.", 2);
  }
  if (response.ok) return response;
  throw new Trouble(response.status, await words(response), Number(response.headers.get("Retry-After")) || 2);
}

async function words(response) {
  const said = await response.json().then(
    (body) => (typeof body?.error === "string" ? sentence(body.error) : ""),
    () => "",
  );
  if (response.status === 503) return `The server is busy or not ready, and is asked again soon. ${said}`.trim();
  return said || `The server answered with status ${response.status}.`;
}

function sentence(text) {
  const trimmed = text.trim();
  return trimmed && trimmed[0].toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? "" : ".");
}
