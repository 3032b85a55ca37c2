"""How files come from users, one module per modality: folders of images, encodings of texts."""
