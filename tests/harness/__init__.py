"""What tests with real programs share: waiting with a limit, supd in namespaces of its own."""
