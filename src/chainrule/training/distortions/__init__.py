"""What becomes of the images of a training batch, all at once: by place, by colour, by chance, by one another."""
