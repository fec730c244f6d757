"""Survey questions, and how the people of each country answered them."""
