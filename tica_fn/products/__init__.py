"""From raw files to products: options, plans, skipping of finished files, reports."""
