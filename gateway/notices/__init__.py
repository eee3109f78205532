# SPDX-License-Identifier: Apache-2.0
"""Notices to agencies' systems: written in the transaction of what they tell of, delivered by signed webhook.

`outbox` the store, `endpoints` where notices go and with which secrets, `signing` the signature (pure), `post` one
delivery under the rules against server-side request forgery, `courier` the task that delivers.
"""
