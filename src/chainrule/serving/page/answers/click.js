// The list of what a user would choose first: a view of what is said of a user.

import { createRanked } from "./ranked.js";

// Shows answers in `place`. `show` returns what is read out; `clear` empties.
export function createView(place) {
  return createRanked(place, "score");
}
