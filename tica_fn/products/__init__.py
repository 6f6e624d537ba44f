"""From raw files to products: options, one file or one frame at a time, and what is made again."""
