"""The sandbox: a local payment gateway with fault injection, to rehearse with. No Django, nothing of ours, loopback only."""
