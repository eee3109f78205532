# SPDX-License-Identifier: Apache-2.0
"""The twin of a GP record service: FHIR R4 over HTTP, with demographics as the NHS's own PDS answers them."""
