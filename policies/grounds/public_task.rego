# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Public task
# description: Sharing this is part of a task in the public interest that the organisation has by law.
# scope: package
# custom:
#   withheld_reason: legal-basis-not-permitted
#   remedy: change-request
#   legal_source: UK GDPR Article 6(1)(e); Data Protection Act 2018 s.8
#   agency: This is part of your public task.
#   citizen: This is part of a public service's job set out in law. You can object.
package commons.grounds.public_task

import data.commons.lib.among.resting
import data.commons.lib.asked.positions

applies := {n |
	some n in resting["article-6"]
	positions[n].term.lawful_basis == "6(1)(e)"
}
