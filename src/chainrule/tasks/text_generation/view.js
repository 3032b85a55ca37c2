// A text that goes on: the view of texts that are written.

export { createView } from "../../answers/continuation.js";
