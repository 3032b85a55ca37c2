"""The pages of a fine-tuned model: how it is built, what it does, where it fails and how far it is to be trusted."""
