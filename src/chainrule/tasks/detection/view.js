// Boxes: the view that all tasks with them share.

export { createView } from "../../answers/boxes.js";
