// Words by their vectors: the view of neighbours.

export { createView } from "../../answers/neighbours.js";
