# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Erase by a date
# description: >-
#   What was received is erased when the agreement's retention ends, or sooner where the citizen's consent says so:
#   of several dates the first counts. A duty that cannot be stated refuses: `stated` is counted like a limit.
# scope: package
# custom:
#   legal_source: UK GDPR Article 5(1)(e)
#   agency: Erase what you received by this date.
#   citizen: The service must erase what it received by this date.
#   remedy: change-request
package commons.obligations.erase_by

import data.commons.lib.agreement.agreement
import data.commons.lib.asked.positions

stated if is_string(at)

duties contains {"type": "erase-by", "at": at}

# A consent may bound it sooner. Where a term is silent that is not named: it would tell that a consent is there.
owed contains {"n": position.n, "duty": {"type": "erase-by", "at": sooner}} if {
	some position in positions
	position.needs_consent == true
	position.consent.erase_by > 0
	position.consent.erase_by < input.now + (agreement.retention_days * 86400)
	position.term.disclosure in {"explain", "generic"}
	sooner := time.format([position.consent.erase_by * 1000000000, "UTC", "2006-01-02"])
}

at := time.format([(input.now + (agreement.retention_days * 86400)) * 1000000000, "UTC", "2006-01-02"])
