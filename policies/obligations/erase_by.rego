# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Erase by a date
# description: >-
#   What was received is erased when the agreement's retention ends. A duty that cannot be stated refuses: `stated`
#   is counted like a limit.
# scope: package
# custom:
#   legal_source: UK GDPR Article 5(1)(e)
#   agency: Erase what you received by this date.
#   citizen: The service must erase what it received by this date.
package commons.obligations.erase_by

import data.commons.lib.asked.agreement

stated if is_string(at)

duties contains {"type": "erase-by", "at": at}

at := time.format([(input.now + (agreement.retention_days * 86400)) * 1000000000, "UTC", "2006-01-02"])
