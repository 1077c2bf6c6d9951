"""The checks of the contract, one function each; `bpo_model.contract` lists them."""
