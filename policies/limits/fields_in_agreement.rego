# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Something that is asked for is in the agreement
# description: >-
#   At least one field asked for is in the agreement. Fields outside it are refused one by one and do not refuse
#   the rest.
# scope: package
# custom:
#   order: 60
#   about: request
#   withheld_reason: not-necessary-for-purpose
#   remedy: none
#   legal_source: UK GDPR Article 5(1)(c); Caldicott Principle 3
#   agency: None of the fields you ask for is in the agreement.
#   citizen: The service does not need this for what it is doing.
package commons.limits.fields_in_agreement

import data.commons.lib.asked.positions

holds := {position.n | some position in positions; count(position.agreed) > 0}
