"""Turns the service and its parts into figures: `genrestream bench`, each side measured in one run."""
