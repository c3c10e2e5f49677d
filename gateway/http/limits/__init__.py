"""How much a request may ask for: the gate before validation, the estimated cost, the values of variables."""
