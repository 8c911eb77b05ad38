"""What every program shares: cards, options, life cycle."""
