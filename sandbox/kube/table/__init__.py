"""Tables made by the server: the columns and cells that ``kubectl get`` prints."""
