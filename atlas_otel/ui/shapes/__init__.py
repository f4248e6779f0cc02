"""What the API takes and gives, one module a noun. Pure: ``openapi.json`` is made from these."""
