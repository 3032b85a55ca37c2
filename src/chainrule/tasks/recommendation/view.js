// A rating, and what else the user would like: the view that both tasks of users and items share.

export { createView } from "../../answers/rating.js";
