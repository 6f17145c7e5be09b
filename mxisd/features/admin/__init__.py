"""What operators may see and do that no client may."""
