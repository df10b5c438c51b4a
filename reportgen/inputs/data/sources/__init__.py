"""One module for each kind of test set. `reportgen.inputs.registry` lists them."""
