// One label: the view that all tasks with one share.

export { createView } from "../../answers/label.js";
