// Items in the order in which a user would choose them: the view that both tasks of users and items share.

export { createView } from "../../answers/click.js";
