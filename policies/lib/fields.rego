# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Which fields may go out
# description: >-
#   Three steps after what the agreement has, each of which only narrows: what was asked for, what of that the role may
#   see, and what of that consent lets through where consent is needed.
# scope: package
package commons.lib.fields

# Asking for no field by name asks for all that the agreement allows.
agreed(wanted, offered) := offered if {
	count(wanted) == 0
} else := offered & {field | some field in wanted}

# What consent lets through: nothing that the agreement or the role does not.
released(needed, consent, seen) := seen if {
	needed == false
} else := seen - {field | some field in consent.except} if {
	count(consent.fields) == 0
} else := (seen & {field | some field in consent.fields}) - {field | some field in consent.except}
