"""A storefront as its visitors load it: shoppers, marketplace feeds and bots, cold and warm, and a
deploy in the middle. `python -m loadtest.storefront` starts all it needs and writes a report."""
