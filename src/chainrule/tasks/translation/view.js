// A text that was written: the view that all tasks with one share.

export { createView } from "../../answers/wording.js";
