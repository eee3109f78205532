# SPDX-License-Identifier: Apache-2.0
"""The twin of a charity's case system: a REST/JSON CRM as a supplier sells it to many small charities."""
