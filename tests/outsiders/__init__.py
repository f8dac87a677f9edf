"""Tools of other projects run on the contract: linters, generators and generated clients."""
