# SPDX-License-Identifier: Apache-2.0
"""What the gateway adds to the consent ledger: the log, the agreements, the people it must tell."""
