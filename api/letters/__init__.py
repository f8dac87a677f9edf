"""Texts of any script in plain letters, and names as other systems of romanization write them."""
