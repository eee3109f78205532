# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the OpenID provider that citizens sign in with (GOV.UK One Login, NHS login)."""
