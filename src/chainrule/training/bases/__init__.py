"""Where a training starts, one file per place that weights come from: the stage `fetch` brings them, once."""
