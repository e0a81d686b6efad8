"""Which schools or pupils may stand in for those treated."""
