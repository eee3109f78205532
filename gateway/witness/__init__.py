# SPDX-License-Identifier: Apache-2.0
"""A witness of access logs (C2SP tlog-witness), for who does not run the gateway. Needs the log's formats only."""
