"""Conversations of any common form as messages: OpenAI's chat API, Anthropic's content blocks, ShareGPT."""
