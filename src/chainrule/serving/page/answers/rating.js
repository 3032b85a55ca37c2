// A rating and the list of what the user would rate best: a view of what is said of a user.

import { createRanked } from "./ranked.js";

// Shows answers in `place`. `show` returns what is read out; `clear` empties.
export function createView(place) {
  return createRanked(place, "rating");
}
