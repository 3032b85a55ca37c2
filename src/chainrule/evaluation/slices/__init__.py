"""Where a model fails more than elsewhere: slices of rows that conditions name, found and tested."""
