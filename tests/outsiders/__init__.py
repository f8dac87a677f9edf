"""Other people's tools on the contract: linters, generators, and generated clients that run."""
