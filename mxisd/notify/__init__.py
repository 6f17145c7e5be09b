"""Messages to people: notices in words, and who carries them."""
