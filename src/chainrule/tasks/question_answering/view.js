// An answer to a question: the view that marks it in its passage.

export { createView } from "../../answers/answer.js";
