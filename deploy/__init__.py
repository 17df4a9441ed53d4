"""What runs genrestream on a bare machine; a development folder, not part of the wheel."""
