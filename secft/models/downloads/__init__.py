"""Base models from the Hugging Face Hub: its cache on this machine, what the Hub says, and bringing files here."""
