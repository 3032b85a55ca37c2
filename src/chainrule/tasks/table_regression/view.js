// One number: the view that all tasks with one share.

export { createView } from "../../answers/number.js";
