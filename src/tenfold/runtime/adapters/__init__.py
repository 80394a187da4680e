"""The tenant in other people's engines and frameworks. Each module needs what it is named after."""
