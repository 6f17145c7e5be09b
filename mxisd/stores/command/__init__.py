"""Programs of the operator as an identity store."""
