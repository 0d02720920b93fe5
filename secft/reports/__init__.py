"""What people read: model card, evidence document, HTML reports, leaderboard.

Everything here takes documents and returns text. Nothing here imports torch.
"""
