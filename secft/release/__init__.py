"""What people read and what is kept: model card, evidence document, HTML report, registry, leaderboard.

Everything here takes values and returns text, except the registry. Nothing here imports torch.
"""
