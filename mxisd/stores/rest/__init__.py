"""The REST store: people behind a web application that speaks mxisd's own format."""
