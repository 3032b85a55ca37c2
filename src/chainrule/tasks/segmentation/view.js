// A mask: the view that all tasks with one share.

export { createView } from "../../answers/mask.js";
