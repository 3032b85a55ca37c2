"""From a version to the champion that is served: registry, trial, contest, promotion."""
