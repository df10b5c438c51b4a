"""One module for each kind of model source. `reportgen.inputs.registry` lists them."""
