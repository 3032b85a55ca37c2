// A set of labels: the view that all tasks with one share.

export { createView } from "../../answers/labels.js";
