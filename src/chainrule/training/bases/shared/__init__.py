"""What places that weights come from share: folders and the hub, tensors in files, tokenizers."""
