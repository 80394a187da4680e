"""E-mail addresses, phone numbers, accounts and postal addresses of contacts and companies."""
