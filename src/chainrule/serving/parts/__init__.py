"""The parts of a request, one file per kind of field: how what was sent becomes what a net takes."""
